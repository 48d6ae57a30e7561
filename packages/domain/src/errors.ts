/**
 * What a failure means for the next step.
 * - `never`: trying again cannot help.
 * - `later`: the same request may succeed later.
 * - `refresh-url`: the link is dead, the file may be alive; only a fresh link helps.
 */
export type Verdict = 'never' | 'later' | 'refresh-url'

/** Why a stem could not be saved, in the words that end up in the manifest. */
export type FailureCode =
  | 'blocked'
  | 'gone'
  | 'refused'
  | 'not_audio'
  | 'too_large'
  | 'rate_limited'
  | 'unavailable'
  | 'network'
  | 'stalled'
  | 'truncated'
  | 'store'
  | 'interrupted'

/** A failure of one stem. Its `message` is for people: what happened and what can be done. */
export class StemError extends Error {
  readonly code: FailureCode
  readonly verdict: Verdict
  /** The far side asked for this much patience, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: FailureCode,
    verdict: Verdict,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options)
    this.name = 'StemError'
    this.code = code
    this.verdict = verdict
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Which rule an URL broke. `address`: it leads to what is not a public address. */
export const BLOCK_REASONS = ['scheme', 'credentials', 'address', 'host', 'port'] as const
export type BlockReason = (typeof BLOCK_REASONS)[number]

/** The URL may not be asked under this configuration. Its host is named, so that a provider's move is noticed. */
export class BlockedUrlError extends StemError {
  readonly host: string
  readonly reason: BlockReason

  /**
   * @param host as the URL names it; never more of the URL than that, for links and API calls hold secrets
   * @param what is wrong with it, in words
   * @param options.setting the setting that would permit it, where there is one
   */
  constructor(
    host: string,
    what: string,
    { reason = 'host', setting }: { reason?: BlockReason; setting?: string | undefined } = {},
  ) {
    const remedy = setting ? ` If it is meant to be asked, add it to ${setting} and replay.` : ''
    super('blocked', 'never', `${host} was not asked: ${what}.${remedy}`)
    this.host = host
    this.reason = reason
  }
}

/** Why a host is busy: it answered so, or an earlier answer has paused it, so that it was not asked. */
export type BusyReason = 429 | 503 | 'pause'

const BUSY_BECAUSE: Record<BusyReason, string> = {
  429: 'answered 429: too many requests.',
  503: 'answered 503: it is busy, and says when to come back.',
  pause: 'is paused, because it answered 429 or 503.',
}

/** A host must not be asked now. That is no fault of the stem, and spends no attempt. */
export class BusyHostError extends StemError {
  /** The host that answered, which is where the last redirect led; or the paused host of the link. */
  readonly host: string
  readonly reason: BusyReason

  constructor(reason: BusyReason, host: string, retryAfterMs: number | undefined) {
    const code = reason === 503 ? 'unavailable' : 'rate_limited'
    super(code, 'later', `${host} ${BUSY_BECAUSE[reason]}`, { retryAfterMs })
    this.host = host
    this.reason = reason
  }
}
