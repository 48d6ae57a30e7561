import type { ChainableCommander } from 'ioredis'
import type { RedisConnection } from './redis.ts'

type Arguments = (string | number)[]

/** Runs a script with its keys and arguments; `in` queues it in a transaction of the same connection. */
export type RunScript = {
  (keys: string[], ...args: Arguments): Promise<unknown>
  in: (transaction: ChainableCommander, keys: string[], ...args: Arguments) => void
}

/**
 * A Lua script that each connection sends once, and only names from then on. A Redis that has forgotten it, or is another one
 * by now, is sent it again.
 *
 * @param name tells it from the others of the same connection
 */
export const defineScript = (redis: RedisConnection, name: string, lua: string): RunScript => {
  redis.defineCommand(name, { lua })
  const run = (target: unknown, keys: string[], args: Arguments) =>
    (target as Record<string, (...given: Arguments) => unknown>)[name]?.(keys.length, ...keys, ...args)
  return Object.assign(async (keys: string[], ...args: Arguments) => run(redis, keys, args), {
    in: (transaction: ChainableCommander, keys: string[], ...args: Arguments) => void run(transaction, keys, args),
  })
}
