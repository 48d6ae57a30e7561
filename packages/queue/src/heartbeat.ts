import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type Heartbeat, heartbeatSchema } from '@stems/domain/heartbeat'
import { execAll } from './exec.ts'
import { isReady, type Log, type RedisConnection } from './redis.ts'

/** A process counts as running for this long after its last heartbeat. */
const EXPIRES_MS = 15_000

const EVERY_MS = 3000
const FORGET_MS = 24 * 60 * 60_000

type ProcessField = 'id' | 'host' | 'pid' | 'version' | 'started_at' | 'at'

type Without<Union, Field extends PropertyKey> = Union extends unknown ? Omit<Union, Field> : never

/** What an app adds to the heartbeat. */
export type AppHeartbeat = Without<Heartbeat, ProcessField>

export type HeartbeatOptions = {
  /** A fail-fast connection; the caller closes it. */
  redis: RedisConnection
  prefix: string
  version: string
  /** Called for each heartbeat; it must be cheap. */
  describe: () => AppHeartbeat
  everyMs?: number
  log: Pick<Log, 'debug'>
}

/** The key of each process' heartbeat, and the sorted set of their IDs. */
export const heartbeatKeys = (prefix: string) => ({
  of: (id: string): string => `${prefix}:heartbeat:${id}`,
  ids: `${prefix}:heartbeats`,
})

/**
 * Writes every few seconds to Redis that this process is running, and its current work. Redis expires the key, so processes
 * whose clocks differ are running all the same.
 */
export const startHeartbeat = ({ redis, prefix, version, describe, everyMs = EVERY_MS, log }: HeartbeatOptions) => {
  const keys = heartbeatKeys(prefix)
  const id = randomUUID()
  const about = { id, host: hostname(), pid: process.pid, version, started_at: new Date().toISOString() }
  let running: Promise<unknown> = Promise.resolve()

  const beat = () => {
    if (!isReady(redis)) return // ioredis keeps a pipeline for a cluster that it has not reached yet, without a limit
    const now = Date.now()
    const text = JSON.stringify({ ...about, at: new Date(now).toISOString(), ...describe() })
    running = redis
      .multi()
      .set(keys.of(id), text, 'PX', EXPIRES_MS)
      .zadd(keys.ids, now, id)
      .zremrangebyscore(keys.ids, '-inf', now - FORGET_MS) // IDs of killed processes
      .exec()
      .catch((error: Error) => log.debug({ error: error.message }, 'heartbeat.failed'))
  }
  beat()
  const timer = setInterval(beat, everyMs)
  timer.unref()

  return {
    id,
    /** Writes a heartbeat now. */
    beat,
    /** Removes the heartbeat. Safe to call twice. */
    close: async (): Promise<void> => {
      clearInterval(timer)
      await running
      if (!isReady(redis)) return
      await execAll(redis.multi().del(keys.of(id)).zrem(keys.ids, id)).catch(() => {})
    },
  }
}

/**
 * The heartbeats of all running processes.
 *
 * @param redis a fail-fast connection
 * @throws while Redis is disconnected
 */
export const readHeartbeats = async (redis: RedisConnection, prefix: string): Promise<Heartbeat[]> => {
  const keys = heartbeatKeys(prefix)
  const ids = await redis.zrange(keys.ids, '0', '-1')
  if (ids.length === 0) return []
  const texts = await redis.mget(ids.map(keys.of))
  return texts.flatMap((text) => parseHeartbeat(text ?? '') ?? [])
}

// An expired heartbeat is an empty text here; that of another version may have another shape.
const parseHeartbeat = (text: string): Heartbeat | undefined => {
  try {
    return heartbeatSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
