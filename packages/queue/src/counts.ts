import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { QUEUES } from './jobs.ts'

/** Jobs per queue and state. */
export type QueueCounts = Record<string, Record<string, number>>

/**
 * Counts the jobs of all queues.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createQueueCounter = (redis: Redis, prefix: string) => {
  const queues = Object.values(QUEUES).map(
    (name) => new Queue(name, { connection: redis, prefix, skipWaitingForReady: true, skipVersionCheck: true }),
  )
  for (const queue of queues) queue.on('error', () => {}) // the connection reports its own outages
  return {
    /** @throws when Redis is away */
    count: async (): Promise<QueueCounts> => {
      const counts = await Promise.all(queues.map((queue) => queue.getJobCounts()))
      return Object.fromEntries(queues.map((queue, index) => [queue.name, counts[index] ?? {}]))
    },
    close: async () => {
      await Promise.all(queues.map((queue) => queue.close()))
    },
  }
}

export type QueueCounter = ReturnType<typeof createQueueCounter>
