import { readLastHour } from './ended-jobs.ts'
import { QUEUES } from './jobs.ts'
import { openQueues } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'

/** Jobs per queue and state. */
export type QueueCounts = Record<string, Record<string, number>>

/** The queues that workers take jobs from. */
export type WorkedQueue = typeof QUEUES.separations | typeof QUEUES.stems
const WORKED: WorkedQueue[] = [QUEUES.separations, QUEUES.stems]

/** Jobs that wait for a worker to take them. */
export type Backlog = {
  queue: WorkedQueue
  waiting: number
  /** Nobody may take one: an operator has paused the queue, or as many run as may run over all workers. */
  isHeld: boolean
}

/**
 * Counts the jobs of all queues.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createQueueCounter = (redis: RedisConnection, prefix: string) => {
  const queues = openQueues({ redis, prefix })

  const backlogOf = async (name: WorkedQueue): Promise<Backlog> => {
    const queue = queues[name]
    const [counts, isPaused, isMaxed] = await Promise.all([
      queue.getJobCounts('waiting', 'prioritized'),
      queue.isPaused(),
      queue.isMaxed(),
    ])
    return {
      queue: name,
      waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0),
      isHeld: isPaused || isMaxed,
    }
  }

  return {
    /** @throws when Redis is away */
    count: async (): Promise<QueueCounts> => {
      const counted = Object.values(queues).map(async (queue) => [queue.name, await queue.getJobCounts()])
      return Object.fromEntries(await Promise.all(counted))
    },
    /**
     * What waits for workers, queue by queue.
     *
     * @throws when Redis is away
     */
    backlogs: (): Promise<Backlog[]> => Promise.all(WORKED.map(backlogOf)),
    /**
     * The stems that were stored, and those that were given up, in the last hour.
     *
     * @throws while Redis is disconnected
     */
    stemsOfLastHour: async (): Promise<{ saved: number; failed: number }> => {
      const { completed, failed } = await readLastHour(queues.stems)
      return { saved: completed, failed }
    },
  }
}

export type QueueCounter = ReturnType<typeof createQueueCounter>
