import { createConsumer } from './consumer.ts'
import { type AnalysisJob, type AnalysisResult, QUEUES } from './jobs.ts'
import type { Log, RedisConnection } from './redis.ts'
import { keepAnalyses } from './retention.ts'

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

const MOST_DEATHS = 5 // of its workers: then it may be what they die of

/**
 * Takes separations whose stems are stored and gives each to `analyse`, one at a time. A queue and a worker of their own: nothing
 * that is paid for waits for them.
 */
export const createAnalysesWorker = ({ redis, prefix, analyse, log }: AnalysesWorkerOptions) => {
  const { worker, close } = createConsumer<AnalysisJob, AnalysisResult>({
    ...{ redis, prefix, log },
    queue: QUEUES.analyses,
    process: (job, signal) => analyse(job.data, signal),
    options: { ...keepAnalyses(), maxStalledCount: MOST_DEATHS, concurrency: 1 },
  })
  worker.on('failed', (job, error) => {
    log.warn({ taskId: job?.data.taskId, attempt: job?.attemptsMade, error: error.message }, 'analysis.failed')
  })
  return {
    /** Takes nothing new; what runs is ended at once and handed back. Safe to call twice. */
    close: () => close(0),
  }
}
