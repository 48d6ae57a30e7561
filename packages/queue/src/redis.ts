import { once } from 'node:events'
import { Redis } from 'ioredis'

/** What this room asks of a logger. */
export type Log = {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

// After a failover the old master answers READONLY on connections that are still open: the name leads elsewhere by now.
const reconnectOnError = (error: Error): boolean => error.message.startsWith('READONLY')

const retryStrategy = (times: number): number => Math.min(times * 100, 1000)

/**
 * A connection for those who must answer somebody: a command fails within a second instead of waiting for Redis.
 * It never gives up reconnecting. A command that timed out may have been carried out all the same.
 *
 * @param url `redis:` or `rediss:`
 */
export const connectImpatiently = (url: string, log: Log): Redis =>
  reportOutages(
    new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: 1000,
      commandTimeout: 1000,
      socketTimeout: 2000,
      retryStrategy,
      reconnectOnError,
    }),
    log,
  )

/**
 * A connection for workers: commands wait for Redis to come back, for as long as it takes. It has no idle timer: one that
 * cut BullMQ's blocking wait short left the worker half alive. A connection that has gone silent is the watchdog's matter.
 *
 * @param url `redis:` or `rediss:`
 */
export const connectPatiently = (url: string, log: Log): Redis =>
  reportOutages(
    new Redis(url, { maxRetriesPerRequest: null, connectTimeout: 2000, retryStrategy, reconnectOnError }),
    log,
  )

// One line when Redis goes and one when it is back; the reconnect attempts between them would bury both.
const reportOutages = (redis: Redis, log: Log): Redis => {
  let away = false
  redis.on('error', (error) => {
    log.debug({ error: error.message }, 'redis.error')
    if (away || redis.status === 'ready') return
    away = true
    log.warn({ error: error.message || 'connection refused' }, 'redis.away')
  })
  redis.on('close', () => {
    if (!away) log.warn({}, 'redis.away')
    away = true
  })
  redis.on('ready', () => {
    log.info({}, 'redis.ready')
    away = false
  })
  return redis
}

/**
 * Waits until a connection is there, or until the time is up; then it goes on without.
 *
 * @param withinMs milliseconds
 */
export const awaitReady = async (redis: Redis, withinMs: number): Promise<void> => {
  if (redis.status === 'ready') return
  const signal = AbortSignal.timeout(withinMs)
  await once(redis, 'ready', { signal }).catch(() => {}) // an error, or the time is up: it connects later by itself
}

/**
 * Closes a connection without waiting for a Redis that may never answer. Safe to call twice.
 */
export const disconnect = (redis: Redis): void => {
  redis.removeAllListeners('close')
  redis.disconnect()
}
