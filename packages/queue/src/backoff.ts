const RETRY_AFTER_CAP_MS = 3600_000

/**
 * How long to wait before the next attempt: exponential with jitter, and no less than the far side asked for.
 *
 * @param attemptsMade 1 after the first failure
 * @param firstMs the first wait
 * @param capMs the longest wait of our own making
 * @param retryAfterMs the far side's wish; honoured up to an hour
 * @returns milliseconds; never throws, since a throw here would leave the job active until it stalls
 */
export const backoffMs = (attemptsMade: number, firstMs: number, capMs: number, retryAfterMs?: number): number => {
  const ceiling = Math.min(capMs, firstMs * 2 ** (attemptsMade - 1))
  const own = Math.round(ceiling / 2 + (Math.random() * ceiling) / 2)
  // `Retry-After: 0` must not use up all attempts within a second.
  const wished = retryAfterMs ? Math.min(retryAfterMs, RETRY_AFTER_CAP_MS) + Math.round(Math.random() * 250) : 0
  return Math.max(own, wished)
}
