import type { RedisConnection } from './redis.ts'

/**
 * Lets one of many processes do what is to be done once in a while.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 * @param name of the work; each has a lock of its own
 * @param forMs how long the lock of the process that takes it lasts
 * @returns both functions throw while Redis is disconnected
 */
export const createLeaderLock = (redis: RedisConnection, prefix: string, name: string, forMs: number) => {
  const key = `${prefix}:leader:${name}`
  return {
    /** Takes the lock; false when another process has it. */
    take: async (): Promise<boolean> => (await redis.set(key, `${process.pid}`, 'PX', forMs, 'NX')) === 'OK',
    /** Starts its time again, for work that takes longer. */
    extend: async (): Promise<void> => void (await redis.pexpire(key, forMs)),
  }
}
