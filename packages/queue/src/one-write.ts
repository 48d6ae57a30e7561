import { Cluster } from 'ioredis'
import type { RedisConnection } from './redis.ts'

/**
 * Has a connection do so with each command, whoever sends it: a worker's come from many places, and several in one turn.
 *
 * @returns the connection
 */
export const sendingInOneWrite = (redis: RedisConnection): RedisConnection => {
  const send = redis.sendCommand.bind(redis) as (...given: unknown[]) => unknown
  return Object.assign(redis, {
    sendCommand: (...given: unknown[]): unknown => {
      sendInOneWrite(redis)
      return send(...given)
    },
  })
}

/**
 * Holds back what is sent to Redis until this turn of the event loop ends; then all of it goes out in one write. Who is sent
 * many callbacks at once spends a third of the time otherwise on writing each of them.
 */
export const sendInOneWrite = (redis: RedisConnection): void => {
  for (const { stream } of redis instanceof Cluster ? redis.nodes('master') : [redis]) {
    if (!stream || stream.writableCorked > 0) continue // not connected yet, or held back already
    stream.cork()
    setImmediate(() => stream.uncork())
  }
}
