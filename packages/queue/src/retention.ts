import type { WorkerOptions } from 'bullmq'
import { RETENTION_S } from './jobs.ts'

type Kept = Pick<WorkerOptions, 'removeOnComplete' | 'removeOnFail'>

const DAY_S = 24 * 3600

// An option of the worker and not of each job: so it takes no room in Redis, and a change holds for all jobs at once.
const keep = (ageS: number, count: number): Kept => ({
  removeOnComplete: { age: ageS, count },
  removeOnFail: { age: ageS, count },
})

/**
 * How long ended separations are remembered, and how many at most. One that is remembered answers a repeat with `duplicate`;
 * afterwards the store itself keeps a repeat from downloading.
 *
 * @param retainS seconds
 */
export const keepSeparations = (retainS: number = RETENTION_S): Kept => keep(retainS, 100_000)

/**
 * The job of a saved stem is removed as it ends: the job of its separation keeps what it returned. Failed stems are remembered for
 * a week, and how many at most.
 */
export const keepStems = (): Kept => ({
  removeOnComplete: { count: 0 },
  removeOnFail: { age: 7 * DAY_S, count: 200_000 },
})

/**
 * How long ended notifications are remembered, and how many at most. Each holds a manifest; what has been said long ago is of
 * no use to anybody.
 *
 * @param retainS seconds
 */
export const keepNotifications = (retainS: number = RETENTION_S): Kept => keep(retainS, 20_000)

/** How many ended analyses are remembered: what they found stands beside the stems. */
export const keepAnalyses = (): Kept => ({
  removeOnComplete: { count: 1000 },
  removeOnFail: { age: 7 * DAY_S, count: 1000 },
})
