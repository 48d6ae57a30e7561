const DAY_MS = 24 * 3600_000

/** How long the provider keeps files before it deletes them. Source: its pages; counted from the callback, which follows soon. */
export const KEPT_DAYS = 14

/** How long before its deadline a stem that is not saved yet is in danger. */
export const DANGER_MS = 2 * DAY_MS

/**
 * When the provider deletes the files of a separation.
 *
 * @param receivedAt ISO time of the callback
 * @returns milliseconds since 1970; infinite where the time is not known
 */
export const deadlineOf = (receivedAt: string | undefined): number => {
  const at = receivedAt === undefined ? Number.NaN : Date.parse(receivedAt)
  return Number.isNaN(at) ? Number.POSITIVE_INFINITY : at + KEPT_DAYS * DAY_MS
}

const SHORTEST_MS = 1000

/**
 * A wait that leaves time for another try before a deadline. One that would end after it is cut to half of what is left, so
 * that tries come closer together towards the end instead of one that comes too late.
 *
 * @param waitMs how long it would be otherwise
 * @param leftMs until the deadline
 * @returns milliseconds; `undefined` when the deadline is over and there is no use in another try
 */
export const waitBefore = (waitMs: number, leftMs: number): number | undefined => {
  if (leftMs <= 0) return undefined
  return waitMs < leftMs ? waitMs : Math.min(leftMs, Math.max(SHORTEST_MS, Math.floor(leftMs / 2)))
}
