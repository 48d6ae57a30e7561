import type { Redis } from 'ioredis'

/**
 * What the keys of a prefix take in Redis' memory, by `MEMORY USAGE` of each of them as a whole.
 *
 * @param matches a pattern of keys
 */
export const memoryOf = async (redis: Redis, matches: string): Promise<{ keys: number; bytes: number }> => {
  let [keys, bytes] = [0, 0]
  for await (const found of redis.scanStream({ match: matches, count: 1000 })) {
    const asked = redis.pipeline()
    for (const key of new Set<string>(found)) asked.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')
    for (const [error, size] of (await asked.exec()) ?? []) {
      if (error) throw error
      keys += 1
      bytes += Number(size)
    }
  }
  return { keys, bytes }
}
