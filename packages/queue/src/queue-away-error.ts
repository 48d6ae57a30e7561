import { withDeadline } from './deadline.ts'

/** Redis did not answer, so nothing is known of the queues. */
export class QueueAwayError extends Error {
  constructor(cause: unknown) {
    super(`the queue cannot be read: ${(cause as Error).message}`, { cause })
    this.name = 'QueueAwayError'
  }
}

/**
 * Asks Redis, and stops waiting after `deadlineMs`.
 *
 * @throws {QueueAwayError} for whatever the work throws
 */
export const askRedis = <T>(deadlineMs: number, work: () => Promise<T>): Promise<T> =>
  orQueueAway(withDeadline('Redis', deadlineMs, work))

/** @throws {QueueAwayError} for whatever the work throws */
export const orQueueAway = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw new QueueAwayError(error)
  })
