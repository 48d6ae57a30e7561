import { checkedList, flag, webAddress } from '@stems/config/variables'
import { BlockedUrlError } from '@stems/domain/errors'
import { createUrlGuard, hostRules } from '@stems/outgoing/url-guard'
import type { z } from 'zod'

// Standard Webhooks: 24 to 64 random bytes, in base64, named by a prefix.
const PREFIX = 'whsec_'
const LEAST_BYTES = 24
const MOST_BYTES = 64
const HOW_TO_MAKE = 'make one with: echo whsec_$(openssl rand -base64 32)'

/** The variables of notifications. */
export const notifyVariables = {
  NOTIFY_URL: webAddress('https://app.example/stems'),
  NOTIFY_SECRET: checkedList((secret) => problemOf(secret)),
  NOTIFY_EARLY: flag().default(false),
  NOTIFY_ALLOW_PRIVATE: flag().default(false),
}

type Given = Partial<Record<keyof typeof notifyVariables, string>>
type Values = z.output<z.ZodObject<typeof notifyVariables>>

const NO_SECRET = `NOTIFY_SECRET: must be set where NOTIFY_URL is, or your app could not tell who speaks to it; ${HOW_TO_MAKE}`

/**
 * What is wrong with the values together.
 *
 * @param given as the environment gives them
 */
export const notifyContradictions = ({ NOTIFY_URL, NOTIFY_SECRET, NOTIFY_ALLOW_PRIVATE }: Given): string[] => {
  if (NOTIFY_URL === undefined) return []
  const objection = objectionTo(NOTIFY_URL, NOTIFY_ALLOW_PRIVATE === 'true')
  return [
    ...(NOTIFY_SECRET === undefined ? [NO_SECRET] : []),
    ...(objection === undefined ? [] : [`NOTIFY_URL: ${objection}`]),
  ]
}

/** Where and how events are announced; `undefined` where nobody wants to be told. */
export const readNotifyConfig = ({ NOTIFY_URL, NOTIFY_SECRET, NOTIFY_EARLY, NOTIFY_ALLOW_PRIVATE }: Values) =>
  NOTIFY_URL === undefined
    ? undefined
    : { url: NOTIFY_URL, secrets: NOTIFY_SECRET, isEarly: NOTIFY_EARLY, allowPrivate: NOTIFY_ALLOW_PRIVATE }

export type NotifyConfig = NonNullable<ReturnType<typeof readNotifyConfig>>

// What no attempt could ever get past is said at start.
const objectionTo = (text: string, allowPrivate: boolean): string | undefined => {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) return undefined // the variable's own rule says so
  try {
    createUrlGuard(hostRules(text, allowPrivate, 'NOTIFY_URL')).check(url)
    return undefined
  } catch (error) {
    if (!(error instanceof BlockedUrlError)) throw error
    return OBJECTIONS[error.reason] ?? error.message
  }
}

const FOR_PRIVATE = 'NOTIFY_ALLOW_PRIVATE=true permits it, for an app in the same network'
const OBJECTIONS: Partial<Record<BlockedUrlError['reason'], string>> = {
  scheme: `must be https; ${FOR_PRIVATE}`,
  address: `its address is not a public one; ${FOR_PRIVATE}`,
  credentials: 'must carry no user and password: the signature tells your app who speaks to it',
}

const problemOf = (secret: string): string | undefined => {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret
  if (secret.startsWith('whsk_') || secret.startsWith('whpk_')) {
    return `is a key for asymmetric signatures, which this version does not make; ${HOW_TO_MAKE}`
  }
  const bytes = Buffer.from(text, 'base64')
  // Node reads anything as base64 somehow; the receiver's library does not.
  if (bytes.toString('base64') !== text) return `must be ${PREFIX} and base64; ${HOW_TO_MAKE}`
  if (bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES) {
    return `must hold ${LEAST_BYTES} to ${MOST_BYTES} bytes, and holds ${bytes.length}; ${HOW_TO_MAKE}`
  }
  return undefined
}
