import type { Clock } from './clock.ts'
import type { GatewayName } from './refusals.ts'

export type GatewayOptions = {
  provider?: GatewayName
  host?: string
  /** 0, the default, takes a free one; so does `filesPort`. */
  port?: number
  filesPort?: number
  /** Stands still until a test advances it, unless it is the real one. */
  clock?: Clock
  apiKey?: string
  /** Callbacks are signed with it, by kie only. */
  webhookHmacKey?: string | undefined
  /** Whether a callback that is sent again is signed anew. Nobody documents it. */
  restampsRetries?: boolean
  /** How long a separation takes. The documents show 83 s and 132 s. */
  takesMs?: number
  /** The pauses before the second, third and fourth try of a callback. Nobody documents them; that there are three, they do. */
  retryAfterMs?: [number, number, number]
  /** What can be spent; a separation of two stems costs 10, any other 50. */
  credits?: number
  /** The tracks that can be separated, by the task that made them; any track unless given. */
  tracks?: Record<string, string[]>
  /** An error is HTTP 200 with a code in the body, or has the code as its HTTP status too. */
  errorsAs?: 'body' | 'status'
  /** What is said of a task that nobody knows. */
  unknownTask?: 'null' | 'not_found' | 'invalid'
  /** How times are written. */
  times?: 'epoch-ms' | 'date-time' | 'numeric-string'
  /** The key of a callback's links: kie's English page says the one, its Chinese page and sunoapi.org the other. */
  infoKey?: 'vocal_separation_info' | 'vocal_removal_info'
  /** How long links live. Files live 14 days, whatever their links do. */
  linksLiveMs?: number
  /** `fresh`: asking for a task's record makes new links. By default sunoapi does so, and kie, which has `download-url`, does not. */
  recordLinks?: 'fresh' | 'same'
  /** The list in kie's record names the same files as its keys do, by the same ids: under the same links, or under others. */
  listedLinks?: 'same' | 'other'
  /** How a link that has expired is answered. */
  expiredAs?: { status: number; html?: boolean }
  /** Whether the file server knows Range and ETag. */
  ranges?: boolean
  /** How fast each file is served; as fast as can be unless given. */
  bytesPerSecond?: number | undefined
  /** Who is turned away by the CDN with 403 and HTML, as it does with some default user agents. */
  refusedUserAgents?: RegExp
  /** Requests in a second, and submits in ten, that one key may send. */
  perSecond?: number
  submitsPerTenSeconds?: number
  /** The rates are counted in the time of those who ask, which is real, unless a test wants to count by the clock. */
  ratesFollowClock?: boolean
}

export const KEY = 'a-key-of-the-stand-in'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Fills in what the documents say, or show. */
export const withDefaults = (clock: Clock, given: GatewayOptions) => ({
  provider: 'kie' as GatewayName,
  host: '127.0.0.1',
  port: 0,
  filesPort: 0,
  apiKey: KEY,
  webhookHmacKey: undefined as string | undefined,
  restampsRetries: true,
  takesMs: 83 * SECOND,
  retryAfterMs: [MINUTE, 5 * MINUTE, 15 * MINUTE] as [number, number, number],
  credits: Number.POSITIVE_INFINITY,
  tracks: undefined as Record<string, string[]> | undefined,
  errorsAs: 'body' as 'body' | 'status',
  unknownTask: 'null' as 'null' | 'not_found' | 'invalid',
  times: 'epoch-ms' as 'epoch-ms' | 'date-time' | 'numeric-string',
  infoKey: given.provider === 'sunoapi' ? ('vocal_removal_info' as const) : ('vocal_separation_info' as const),
  linksLiveMs: 24 * HOUR,
  recordLinks: given.provider === 'sunoapi' ? ('fresh' as const) : ('same' as const),
  listedLinks: 'same' as 'same' | 'other',
  expiredAs: { status: 403 } as { status: number; html?: boolean },
  ranges: true,
  bytesPerSecond: undefined as number | undefined,
  refusedUserAgents: /^$|^python-urllib/i,
  perSecond: 10,
  submitsPerTenSeconds: 20,
  ratesFollowClock: false,
  ...given,
  clock,
})

export type Settings = ReturnType<typeof withDefaults>
