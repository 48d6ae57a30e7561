import type { Queue, WorkerOptions } from 'bullmq'
import { execAll } from './exec.ts'
import { RETENTION_S } from './jobs.ts'
import type { RedisConnection } from './redis.ts'

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

/** How long failed stems are remembered, and how many at most. Saved ones are removed by {@link trimSavedStems}. */
export const keepStems = (): Kept => ({ removeOnFail: { age: 7 * DAY_S, count: 200_000 } })

const SAVED_STEMS = 1000
const TRIMMED_AT_ONCE = 2000

/**
 * Removes the jobs of saved stems but the last thousand, which Bull Board shows. What became of a stem stands in the job of its
 * separation, and its own takes 1.7 kB. At the end of each stem BullMQ would take ten commands for it; this takes four for a thousand.
 */
export const trimSavedStems = async (redis: RedisConnection, stems: Pick<Queue, 'toKey'>): Promise<void> => {
  const completed = stems.toKey('completed')
  const surplus = (await redis.zcard(completed)) - SAVED_STEMS
  if (surplus <= 0) return
  const ids = await redis.zrange(completed, '0', `${Math.min(surplus, TRIMMED_AT_ONCE) - 1}`)
  const keys = ids.flatMap((id) => [stems.toKey(id), stems.toKey(`${id}:logs`)])
  await execAll(
    redis
      .multi()
      .zrem(completed, ...ids)
      .del(...keys),
  )
}

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
