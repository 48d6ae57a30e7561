import { awaitReady, connectImpatiently, disconnect } from '@stems/queue/redis'

/** How long a command waits for Redis. */
export const DEADLINE_MS = 5000

/**
 * Runs `work` with a connection of its own.
 *
 * @throws when Redis does not answer; then `work` was not begun
 */
export const withRedis = async (
  url: string,
  work: (redis: ReturnType<typeof connectImpatiently>) => Promise<void>,
): Promise<void> => {
  const redis = connectImpatiently(url, { debug: () => {}, info: () => {}, warn: () => {} })
  try {
    await awaitReady(redis, DEADLINE_MS)
    if (redis.status !== 'ready') {
      throw new Error('Redis does not answer: start the system, or set REDIS_URL to its Redis')
    }
    await work(redis)
  } finally {
    disconnect(redis)
  }
}
