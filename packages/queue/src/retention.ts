import type { WorkerOptions } from 'bullmq'
import { RETENTION_S } from './jobs.ts'

type Kept = Pick<WorkerOptions, 'removeOnComplete' | 'removeOnFail'>

const HOUR_S = 3600
const DAY_S = 24 * HOUR_S

// An option of the worker and not of each job: so it takes no room in Redis, and a change holds for all jobs at once.
const keep = (completedS: number, failedS: number, completed: number, failed = completed): Kept => ({
  removeOnComplete: { age: completedS, count: completed },
  removeOnFail: { age: failedS, count: failed },
})

/**
 * How long ended separations are remembered, and how many at most. One that is remembered answers a repeat with `duplicate`;
 * afterwards the store itself keeps a repeat from downloading.
 *
 * @param retainS seconds
 */
export const keepSeparations = (retainS: number = RETENTION_S): Kept => keep(retainS, retainS, 100_000)

/**
 * How long ended stems are remembered, and how many at most: saved ones for a day, failed ones for a week. What became of them
 * stands in their separation's job, so that their own are of use to curious eyes only; they take most of the room, 1.7 kB each.
 */
export const keepStems = (): Kept => keep(DAY_S, 7 * DAY_S, 10_000, 200_000)

/**
 * How long ended notifications are remembered, and how many at most. Each holds a manifest; what has been said long ago is of
 * no use to anybody.
 *
 * @param retainS seconds
 */
export const keepNotifications = (retainS: number = RETENTION_S): Kept => keep(retainS, retainS, 20_000)

/** How long ended analyses are remembered, and how many at most: what they found stands beside the stems. */
export const keepAnalyses = (): Kept => keep(HOUR_S, 7 * DAY_S, 1000)
