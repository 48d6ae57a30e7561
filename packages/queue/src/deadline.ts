/** Timed out waiting for acknowledgement; the operation may have succeeded. */
export class DeadlineError extends Error {
  constructor(who: string, deadlineMs: number) {
    super(`${who} did not acknowledge within ${deadlineMs} ms`)
    this.name = 'DeadlineError'
  }
}

/**
 * Runs `work`, and stops waiting for it after `deadlineMs`.
 *
 * @param who is waited for, for the error
 * @param work gets a signal that is aborted at the deadline
 * @throws {DeadlineError}
 */
export const withDeadline = async <T>(
  who: string,
  deadlineMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const controller = new AbortController()
  const expired = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    controller.abort(new DeadlineError(who, deadlineMs))
    expired.reject(controller.signal.reason)
  }, deadlineMs)
  try {
    return await Promise.race([work(controller.signal), expired.promise])
  } finally {
    clearTimeout(timer)
  }
}
