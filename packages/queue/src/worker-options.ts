import type { WorkerOptions } from 'bullmq'

/**
 * What both workers share. A worker that dies is noticed within lock + stalled interval = 15 s. A job may stall as
 * often as its workers are killed: a stall is no fault of the job, and giving it up would lose it.
 */
export const sharedWorkerOptions = {
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 1_000_000,
} satisfies Partial<WorkerOptions>
