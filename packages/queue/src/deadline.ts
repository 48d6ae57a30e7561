/** Redis did not say in time that it has what it was given. It may have it nevertheless. */
export class DeadlineError extends Error {
  constructor(deadlineMs: number) {
    super(`Redis did not acknowledge within ${deadlineMs} ms`)
    this.name = 'DeadlineError'
  }
}

/**
 * Runs `work`, and stops waiting for it after `deadlineMs`.
 *
 * @param work gets a signal that is aborted at the deadline
 * @throws {DeadlineError}
 */
export const withDeadline = async <T>(deadlineMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new DeadlineError(deadlineMs)
      controller.abort(error)
      reject(error)
    }, deadlineMs)
  })
  try {
    return await Promise.race([work(controller.signal), expired])
  } finally {
    clearTimeout(timer)
  }
}
