import {
  awaitReady,
  connectImpatiently,
  disconnect,
  isReady,
  type RedisConnection,
  type RedisTarget,
} from '@stems/queue/redis'
import { createShards, type Shards } from '@stems/queue/shards'

/** How long a command waits for Redis. */
export const DEADLINE_MS = 5000

/**
 * Runs `work` with connections of its own, one to each shard. Of several, those that do not answer are named; what needs
 * them fails by itself.
 *
 * @throws when no Redis answers; then `work` was not begun
 */
export const withRedis = async (
  targets: RedisTarget[],
  work: (shards: Shards<{ name: string; redis: RedisConnection }>) => Promise<void>,
): Promise<void> => {
  const shards = createShards(targets, (target) => ({
    name: target.name,
    redis: connectImpatiently(target, { debug: () => {}, info: () => {}, warn: () => {} }),
  }))
  try {
    await Promise.all(shards.all.map(({ redis }) => awaitReady(redis, DEADLINE_MS)))
    const away = shards.all.filter(({ redis }) => !isReady(redis))
    if (away.length === shards.all.length) {
      throw new Error('Redis does not answer: start the system, or set REDIS_URL to its Redis')
    }
    for (const { name } of away) process.stderr.write(`Redis does not answer for the shard ${name}\n`)
    await work(shards)
  } finally {
    for (const { redis } of shards.all) disconnect(redis)
  }
}
