import { Queue } from 'bullmq'
import { QUEUES } from './jobs.ts'
import type { RedisConnection } from './redis.ts'

/** How a part of this package reaches the queues. */
export type QueueAccess = {
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** After which a Redis that has not answered counts as disconnected. */
  deadlineMs: number
}

/**
 * Opens a queue for those who look at its jobs or move them. To open it writes nothing, and a Redis that is away at start keeps
 * nobody waiting.
 *
 * @param redis a connection that fails fast; it stays the caller's to close. The queue holds nothing else, so it is never closed
 */
// biome-ignore lint/suspicious/noExplicitAny: BullMQ's own defaults, for those whom no job's data concerns
export const openQueue = <Data = any, Result = any>(
  redis: RedisConnection,
  prefix: string,
  name: string,
): Queue<Data, Result> => {
  const queue = new Queue<Data, Result>(name, {
    connection: redis,
    prefix,
    // Both, or a Redis that is away at start makes this queue refuse for ever.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true, // who only looks writes nothing
  })
  queue.on('error', () => {}) // the connection reports its own outages
  return queue as Queue<Data, Result>
}

/** Opens all queues, by name. */
export const openQueues = ({ redis, prefix }: Pick<QueueAccess, 'redis' | 'prefix'>) => ({
  separations: openQueue(redis, prefix, QUEUES.separations),
  stems: openQueue(redis, prefix, QUEUES.stems),
  quarantine: openQueue(redis, prefix, QUEUES.quarantine),
  notifications: openQueue(redis, prefix, QUEUES.notifications),
  analyses: openQueue(redis, prefix, QUEUES.analyses),
})

export type Queues = ReturnType<typeof openQueues>
