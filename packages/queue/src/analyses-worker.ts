import { type Job, WaitingError, Worker } from 'bullmq'
import { type AnalysisJob, type AnalysisResult, QUEUES } from './jobs.ts'
import type { Log, RedisConnection } from './redis.ts'
import { keepAnalyses } from './retention.ts'
import { sharedWorkerOptions } from './worker-options.ts'

export type AnalysesWorkerOptions = {
  /** A patient connection; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /**
   * Looks at the stems of one separation. What it has done stays done, so that it may be ended at any time and called again.
   *
   * @param signal aborted when the process shuts down or the job's lock is lost
   */
  analyse: (job: AnalysisJob, signal: AbortSignal) => Promise<AnalysisResult>
  log: Log
}

type StoredAnalysis = Job<AnalysisJob, AnalysisResult>

const SHUTDOWN = 'shutdown'
const MOST_DEATHS = 5 // of its workers: then it may be what they die of

/**
 * Takes separations whose stems are home and gives each to `analyse`, one at a time. A queue and a worker of their own: nothing
 * that is paid for waits for them.
 */
export const createAnalysesWorker = ({ redis, prefix, analyse, log }: AnalysesWorkerOptions) => {
  let leaving = false

  const attempt = async (job: StoredAnalysis, token?: string, signal?: AbortSignal): Promise<AnalysisResult> => {
    if (leaving) return handBack(job, token)
    const aborted = signal ?? new AbortController().signal
    try {
      return await analyse(job.data, aborted)
    } catch (error) {
      if (aborted.aborted && aborted.reason === SHUTDOWN) return handBack(job, token)
      throw error
    }
  }

  // Handed back, not failed: the next worker starts at once and no attempt is spent.
  const handBack = async (job: StoredAnalysis, token?: string): Promise<never> => {
    await job.moveToWait(token)
    throw new WaitingError()
  }

  const worker = new Worker<AnalysisJob, AnalysisResult>(
    QUEUES.analyses,
    // BullMQ passes the signal only to a function that declares three parameters.
    (job, token, signal) => attempt(job, token, signal),
    {
      ...sharedWorkerOptions,
      ...keepAnalyses(),
      maxStalledCount: MOST_DEATHS,
      connection: redis,
      prefix,
      concurrency: 1,
    },
  )
  worker.on('error', (error) => log.debug({ error: error.message }, 'analyses.worker_error'))
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) worker.cancelJob(id, 'lock lost')
  })
  worker.on('failed', (job, error) => {
    log.warn({ taskId: job?.data.taskId, attempt: job?.attemptsMade, error: error.message }, 'analysis.failed')
  })

  return {
    /** Takes nothing new; what runs is ended at once and handed back. Safe to call twice. */
    close: async () => {
      leaving = true
      worker.cancelAllJobs(SHUTDOWN)
      await worker.close()
    },
  }
}
