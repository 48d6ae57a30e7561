import { QUEUES } from './jobs.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'

/**
 * All queues, for a dashboard to look at.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createBoardQueues = ({ redis, prefix }: { redis: RedisConnection; prefix: string }) => ({
  separations: openQueue(redis, prefix, QUEUES.separations),
  stems: openQueue(redis, prefix, QUEUES.stems),
  quarantine: openQueue(redis, prefix, QUEUES.quarantine),
  notifications: openQueue(redis, prefix, QUEUES.notifications),
  analyses: openQueue(redis, prefix, QUEUES.analyses),
})

export type BoardQueues = ReturnType<typeof createBoardQueues>
