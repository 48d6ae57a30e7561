import type { WorkerOptions } from 'bullmq'
import { METRICS_MINUTES } from './ended-jobs.ts'

/**
 * What both workers share. A worker that dies is noticed within lock + stalled interval = 15 s. A job may stall as
 * often as its workers are killed: a stall is no fault of the job, and giving it up would lose it.
 */
export const sharedWorkerOptions = {
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 1_000_000,
  // Jobs that ended, minute by minute: two or three commands more within the script that ends a job, and one list per queue.
  metrics: { maxDataPoints: METRICS_MINUTES },
} satisfies Partial<WorkerOptions>
