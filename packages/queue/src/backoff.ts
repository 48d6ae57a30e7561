const RETRY_AFTER_CAP_MS = 3600_000

/**
 * How long to wait before the next attempt: exponential with jitter, or what the far side asked for.
 *
 * @param attemptsMade 1 after the first failure
 * @param firstMs the first wait
 * @param capMs the longest wait of our own making
 * @param retryAfterMs the far side's wish; honoured up to an hour
 * @returns milliseconds; never throws, since a throw here would leave the job active until it stalls
 */
export const backoffMs = (attemptsMade: number, firstMs: number, capMs: number, retryAfterMs?: number): number => {
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, RETRY_AFTER_CAP_MS) + Math.round(Math.random() * 250)
  const ceiling = Math.min(capMs, firstMs * 2 ** (attemptsMade - 1))
  return Math.round(ceiling / 2 + (Math.random() * ceiling) / 2)
}
