import type { JobState, Queue } from 'bullmq'
import { execAll } from './exec.ts'
import type { RedisConnection } from './redis.ts'

/**
 * Where a job is, as of one moment. Unlike BullMQ's own answer it does not look through the list of those that wait, which
 * may be long: a job that is nowhere else waits.
 */
export const createJobStateReader =
  (redis: RedisConnection, queue: Pick<Queue, 'toKey'>) =>
  async (id: string): Promise<JobState | 'unknown'> => {
    const asked = redis.multi().exists(queue.toKey(id))
    for (const set of SETS) asked.zscore(queue.toKey(set), id)
    const [exists, ...places] = await execAll(asked.lpos(queue.toKey('active'), id))
    if (exists !== 1) return 'unknown'
    return [...SETS, 'active' as const].find((_, index) => (places[index] ?? null) !== null) ?? 'waiting'
  }

const SETS = ['completed', 'failed', 'waiting-children', 'delayed', 'prioritized'] as const satisfies JobState[]
