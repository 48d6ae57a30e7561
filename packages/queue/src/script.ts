import type { RedisConnection } from './redis.ts'

/** Runs a script with its keys and arguments. */
export type RunScript = (keys: string[], ...args: (string | number)[]) => Promise<unknown>

/**
 * A Lua script that each connection sends once, and only names from then on. A Redis that has forgotten it, or is another one
 * by now, is sent it again.
 *
 * @param name tells it from the others of the same connection
 */
export const defineScript = (redis: RedisConnection, name: string, lua: string): RunScript => {
  redis.defineCommand(name, { lua })
  const commands = redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown>>
  return async (keys, ...args) => commands[name]?.(keys.length, ...keys, ...args)
}
