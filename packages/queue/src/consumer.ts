import { type Job, WaitingError, Worker, type WorkerOptions } from 'bullmq'
import { METRICS_MINUTES } from './ended-jobs.ts'
import type { Log, RedisConnection } from './redis.ts'

export type ConsumerOptions<Data, Result> = {
  /** A blocking connection; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** The name of the queue. */
  queue: string
  /**
   * Processes one job. What it throws while the process shuts down hands the job back: the next worker starts it at once, and no
   * attempt is spent.
   *
   * @param signal aborted when the process shuts down, or another worker may hold the job
   */
  process: (job: Job<Data, Result>, signal: AbortSignal, token: string | undefined) => Promise<Result>
  /** Of BullMQ, beside those that all consumers share. */
  options: Omit<Partial<WorkerOptions>, 'connection' | 'prefix'>
  log: Pick<Log, 'debug'>
}

/**
 * What all workers share. A worker that dies is noticed within lock + stalled interval = 15 s. A job may stall as
 * often as its workers are killed: a stall is no fault of the job, and giving it up would lose it.
 */
export const sharedWorkerOptions = {
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 1_000_000,
  // Jobs that ended, minute by minute: two or three commands more within the script that ends a job, and one list per queue.
  metrics: { maxDataPoints: METRICS_MINUTES },
} satisfies Partial<WorkerOptions>

const SHUTDOWN = 'shutdown'

/** A BullMQ worker whose jobs can be handed back. */
export const createConsumer = <Data, Result>(consumer: ConsumerOptions<Data, Result>) => {
  const { redis, prefix, queue, process, options, log } = consumer
  let leaving = false

  const attempt = async (job: Job<Data, Result>, token?: string, signal?: AbortSignal): Promise<Result> => {
    // A worker that was waiting for a job when it was told to stop takes one more.
    if (leaving || worker.isPaused()) return handBack(job, token)
    const aborted = signal ?? new AbortController().signal
    try {
      return await process(job, aborted, token)
    } catch (error) {
      if (aborted.aborted && aborted.reason === SHUTDOWN) return handBack(job, token)
      throw error
    }
  }

  const worker = new Worker<Data, Result>(
    queue,
    // BullMQ passes the signal only to a function that declares three parameters.
    (job, token, signal) => attempt(job, token, signal),
    { ...sharedWorkerOptions, ...options, connection: redis, prefix },
  )
  worker.on('error', (error) => log.debug({ error: error.message }, `${queue}.worker_error`))
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) worker.cancelJob(id, 'lock lost')
  })

  return {
    worker,
    /** Takes no new work; what has not ended after `drainMs` is aborted and handed back. Safe to call twice. */
    close: async (drainMs: number): Promise<void> => {
      leaving = true
      const timer = setTimeout(() => worker.cancelAllJobs(SHUTDOWN), drainMs)
      await worker.close()
      clearTimeout(timer)
    },
  }
}

const handBack = async (job: Job, token?: string): Promise<never> => {
  await job.moveToWait(token)
  // BullMQ wakes no idle worker for a job with a priority that is moved back, but for one that is given a priority.
  if (job.priority > 0) await job.changePriority({ priority: job.priority }).catch(() => {})
  throw new WaitingError()
}
