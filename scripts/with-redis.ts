import {
  awaitReady,
  connectImpatiently,
  disconnect,
  isReady,
  type RedisConnection,
  type RedisTarget,
} from '@stems/queue/redis'

/** How long a command waits for Redis. */
export const DEADLINE_MS = 5000

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

/**
 * Runs `work` with a connection of its own.
 *
 * @throws when Redis does not answer; then `work` was not begun
 */
export const withRedis = async (
  target: RedisTarget,
  work: (redis: RedisConnection) => Promise<void>,
): Promise<void> => {
  const redis = connectImpatiently(target, SILENT)
  try {
    await awaitReady(redis, DEADLINE_MS)
    if (!isReady(redis)) throw new Error('Redis does not answer: start the system, or set REDIS_URL to its Redis')
    await work(redis)
  } finally {
    disconnect(redis)
  }
}
