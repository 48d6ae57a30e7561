import { redactLinks } from '@stems/domain/link'
import { type Job, UnrecoverableError } from 'bullmq'
import { backoffMs } from './backoff.ts'
import { createConsumer } from './consumer.ts'
import { QUEUES } from './jobs.ts'
import type { Notification, NotificationJob, NotificationResult } from './notifications.ts'
import type { Log, RedisConnection } from './redis.ts'
import { keepNotifications } from './retention.ts'
import { type Telemetry, telling } from './telemetry.ts'

/** A notification did not arrive. The message is for people and names no secret. */
export class UndeliveredError extends Error {
  /** Nobody wants it any more: it is not to be sent again. */
  readonly isFinal: boolean
  /** The receiver asked for this much patience, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { isFinal?: boolean; retryAfterMs?: number | undefined } = {}) {
    super(message)
    this.name = 'UndeliveredError'
    this.isFinal = options.isFinal ?? false
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What became of one attempt. `retried`: there will be another, after `waitMs`. `failed`: there will be none. */
export type NotificationAttempt = Pick<Notification, 'id' | 'type' | 'taskId' | 'stem'> & {
  /** 1 for the first try. */
  number: number
  ms: number
} & (
    | { outcome: 'delivered'; status: number }
    | { outcome: 'retried'; error: string; waitMs: number }
    | { outcome: 'failed'; error: string }
  )

export type NotificationsWorkerOptions = {
  /** A patient connection; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** Notifications at once in this process. */
  concurrency: number
  /** How long ended jobs are remembered, in seconds. */
  retainS?: number | undefined
  /** How long a notification is tried, from its announcement on. */
  patienceMs: number
  /** First and longest wait between two attempts. */
  firstWaitMs: number
  longestWaitMs: number
  /** Sends one notification. Throws UndeliveredError. */
  deliver: (notification: Notification, signal: AbortSignal) => Promise<NotificationResult>
  onAttempt: (attempt: NotificationAttempt) => void
  telemetry?: Telemetry | undefined
  log: Log
}

type NotificationsJob = Job<NotificationJob, NotificationResult>

class TryLaterError extends Error {
  readonly waitMs: number
  constructor(message: string, waitMs: number) {
    super(message)
    this.name = 'TryLaterError'
    this.waitMs = waitMs
  }
}

/**
 * Takes notifications from their queue and gives each to `deliver`, again and again until it has arrived or the patience is
 * at its end. A queue and a worker of their own: a receiver that hangs delays notifications, and nothing else.
 */
export const createNotificationsWorker = (options: NotificationsWorkerOptions) => {
  const { redis, prefix, patienceMs, firstWaitMs, longestWaitMs, deliver, onAttempt, log } = options
  const attempt = async (job: NotificationsJob, signal: AbortSignal): Promise<NotificationResult> => {
    const { since: _since, ...notification } = job.data
    const { type, taskId, stem } = notification
    const name = { id: job.id as string, type, taskId, ...(stem === undefined ? {} : { stem }) }
    const startedAt = performance.now()
    const about = () => ({ ...name, number: job.attemptsMade + 1, ms: Math.round(performance.now() - startedAt) })
    try {
      const result = await deliver({ ...notification, id: name.id }, signal)
      onAttempt({ ...about(), outcome: 'delivered', status: result.status })
      return result
    } catch (error) {
      if (signal.aborted) throw error // what was sent meanwhile is sent twice, under the same id
      const next = whatNext(job, error)
      if (next instanceof TryLaterError) {
        onAttempt({ ...about(), outcome: 'retried', error: next.message, waitMs: next.waitMs })
      } else onAttempt({ ...about(), outcome: 'failed', error: next.message })
      throw next
    }
  }

  const whatNext = (job: NotificationsJob, error: unknown): TryLaterError | UnrecoverableError => {
    const { message, isFinal, retryAfterMs } = asUndelivered(error)
    const leftMs = Date.parse(job.data.since) + patienceMs - Date.now()
    if (isFinal) return new UnrecoverableError(message)
    if (!(leftMs > 0)) return new UnrecoverableError(`${message} Given up: it was tried for long enough.`)
    const waitMs = backoffMs(job.attemptsMade + 1, firstWaitMs, longestWaitMs, retryAfterMs)
    // The last attempt is made when the patience ends, unless the receiver has asked for more of it.
    return new TryLaterError(message, retryAfterMs === undefined ? Math.min(waitMs, leftMs) : waitMs)
  }

  const { close } = createConsumer<NotificationJob, NotificationResult>({
    ...{ redis, prefix, log },
    queue: QUEUES.notifications,
    process: attempt,
    options: {
      ...keepNotifications(options.retainS),
      ...telling(options.telemetry),
      concurrency: options.concurrency,
      settings: {
        backoffStrategy: (_made, _type, error) => (error instanceof TryLaterError ? error.waitMs : firstWaitMs),
      },
    },
  })
  return { close }
}

const asUndelivered = (error: unknown): UndeliveredError =>
  error instanceof UndeliveredError
    ? error
    : new UndeliveredError(`unexpected: ${redactLinks((error as Error).message)}`)
