import { Queue } from 'bullmq'
import { QUEUES } from './jobs.ts'
import type { RedisConnection } from './redis.ts'

/**
 * All queues, for a dashboard to look at.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createBoardQueues = ({ redis, prefix }: { redis: RedisConnection; prefix: string }) => {
  const open = (name: string): Queue => {
    const queue = new Queue(name, {
      connection: redis,
      prefix,
      // Both, or a Redis that is away at start makes this queue refuse for ever.
      skipWaitingForReady: true,
      skipVersionCheck: true,
      skipMetasUpdate: true, // who only looks writes nothing
    })
    queue.on('error', () => {}) // the connection reports its own outages
    return queue
  }
  const queues = {
    separations: open(QUEUES.separations),
    stems: open(QUEUES.stems),
    quarantine: open(QUEUES.quarantine),
    notifications: open(QUEUES.notifications),
    analyses: open(QUEUES.analyses),
  }
  return {
    ...queues,
    /** Safe to call twice. */
    close: async () => {
      await Promise.all(Object.values(queues).map((queue) => queue.close()))
    },
  }
}

export type BoardQueues = ReturnType<typeof createBoardQueues>
