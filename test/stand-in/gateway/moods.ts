import type { RefusalReason } from './refusals.ts'

/** How the API behaves towards one request. */
export type Mood =
  | 'well'
  /** Refuses, in the gateway's own codes. */
  | Extract<RefusalReason, 'bad_key' | 'no_credits' | 'rate_limited' | 'maintenance' | 'server_error'>
  /** 503 with a page of HTML. */
  | 'unavailable'
  /** A page of HTML, with HTTP 200. */
  | 'html'
  /** Takes the request, and never answers. Nothing is done. */
  | 'hang'
  /** Does what it was asked, charges for it, and never answers, or hangs up. */
  | 'work_then_hang'
  | 'work_then_cut'
  /** The answer, cut off in the middle. */
  | 'truncated'
  /** JSON of the right shape on the outside, and of none within. */
  | 'wrong_types'
  /** The answer to somebody else's question. */
  | 'other_task'

export const ENDPOINTS = ['generate', 'record-info', 'download-url'] as const

export type Endpoint = (typeof ENDPOINTS)[number]

/** The moods that tests have asked for, per endpoint. */
export const createMoods = () => {
  const upcoming = new Map<Endpoint, Mood[]>()
  const lasting = new Map<Endpoint, Mood>()
  return {
    /** The next requests meet these, one each. */
    behave: (endpoint: Endpoint, ...moods: Mood[]) =>
      void upcoming.set(endpoint, [...(upcoming.get(endpoint) ?? []), ...moods]),
    /** Every request meets this one, until told otherwise. */
    alwaysBehave: (mood: Mood, endpoints: readonly Endpoint[] = ENDPOINTS) => {
      for (const endpoint of endpoints) lasting.set(endpoint, mood)
    },
    take: (endpoint: Endpoint): Mood => upcoming.get(endpoint)?.shift() ?? lasting.get(endpoint) ?? 'well',
  }
}

export type Moods = ReturnType<typeof createMoods>
