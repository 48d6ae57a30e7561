import { minuteKeys, WINDOW_MINUTES } from './minutes.ts'
import type { Log, RedisConnection } from './redis.ts'

const FLUSH_MS = 500

/**
 * Counts callbacks by the minute in which they came. Those of half a second go to Redis together, and nobody waits for it: a
 * count that is lost with its process is a dent in a plot.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createArrivalCount = (redis: RedisConnection, prefix: string, log: Pick<Log, 'debug'>) => {
  const key = minuteKeys(prefix).arrived
  let counts = new Map<number, number>()
  let timer: NodeJS.Timeout | undefined

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (counts.size === 0) return
    const pipeline = redis.pipeline()
    for (const [minute, count] of counts) pipeline.hincrby(key, `${minute}`, count)
    counts = new Map()
    // Not tried again: what timed out may have been counted.
    await pipeline
      .expire(key, 2 * 60 * WINDOW_MINUTES)
      .exec()
      .catch((error: Error) => log.debug({ error: error.message }, 'minutes.not_counted'))
  }

  return {
    /**
     * One has come.
     *
     * @param receivedAt ISO time; one that was spooled came long before it was delivered
     */
    add: (receivedAt: string): void => {
      const minute = Math.floor(Date.parse(receivedAt) / 60_000)
      counts.set(minute, (counts.get(minute) ?? 0) + 1)
      timer ??= setTimeout(flush, FLUSH_MS)
    },
    /** Counts what has come until now. Safe to call twice. */
    close: flush,
  }
}

export type ArrivalCount = ReturnType<typeof createArrivalCount>
