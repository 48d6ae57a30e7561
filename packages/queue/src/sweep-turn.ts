import type { RedisConnection } from './redis.ts'

/**
 * Lets one of many do what is to be done once in a while.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 * @param everyMs how long the turn of who takes it lasts
 * @returns a function that tells whether it is the caller's turn now; it throws when Redis is away
 */
export const createSweepTurn =
  (redis: RedisConnection, prefix: string, everyMs: number) => async (): Promise<boolean> =>
    (await redis.set(`${prefix}:retention-turn`, `${process.pid}`, 'PX', everyMs, 'NX')) === 'OK'
