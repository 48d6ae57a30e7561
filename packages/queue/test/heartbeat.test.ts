import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import {
  type AppHeartbeat,
  type HeartbeatOptions,
  heartbeatKeys,
  readHeartbeats,
  startHeartbeat,
} from '../src/heartbeat.ts'
import { connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const HOUR = 3600_000

const INGRESS = { app: 'ingress', spool: { callbacks: 2, bytes: 300, max_bytes: 1000, oldest_seconds: 7 } } as const

const connect = async (url: string) => {
  const redis = connectImpatiently({ url }, SILENT)
  await once(redis, 'ready')
  onTestFinished(() => disconnect(redis))
  return redis
}

const setUp = async (url = inject('redisUrl')) => {
  const redis = await connect(url)
  const prefix = `test-${randomUUID()}`
  const keys = heartbeatKeys(prefix)
  const read = () => readHeartbeats(redis, prefix)
  const start = (more: Partial<HeartbeatOptions> = {}) => {
    const heartbeat = startHeartbeat({
      ...{ redis, prefix, version: '1.2.3', describe: () => INGRESS, everyMs: 20, log: SILENT },
      ...more,
    })
    onTestFinished(heartbeat.close)
    return heartbeat
  }
  const ids = async () => (await read()).map(({ id }) => id).sort()
  /** The heartbeat of a process whose clock is off by `clockMs`. */
  const put = async (id: string, { clockMs = 0, text = '' } = {}) => {
    const now = new Date(Date.now() + clockMs).toISOString()
    const about = { id, host: 'h', pid: 1, version: '1', started_at: now, at: now }
    await redis.set(keys.of(id), text || JSON.stringify({ ...INGRESS, ...about }))
    await redis.zadd(keys.ids, Date.now() + clockMs, id)
  }
  return { redis, keys, read, start, ids, put }
}

test('a running process tells its identity, its clock and its current work, again and again', async () => {
  const { read, start } = await setUp()
  let callbacks = 0
  const { id } = start({ describe: (): AppHeartbeat => ({ ...INGRESS, spool: { ...INGRESS.spool, callbacks } }) })
  await expect.poll(read).toMatchObject([
    {
      ...{ id, app: 'ingress', pid: process.pid, version: '1.2.3', host: expect.any(String), spool: { bytes: 300 } },
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    },
  ])
  callbacks = 5
  await expect.poll(read).toMatchObject([{ id, spool: { callbacks: 5 } }])
})

test('a process that stops removes its heartbeat, and the others stay', async () => {
  const { redis, keys, start, ids } = await setUp()
  const [one, other] = [start(), start()]
  await expect.poll(ids).toEqual([one.id, other.id].sort())
  await one.close()
  await one.close()
  expect(await ids()).toEqual([other.id])
  expect(await redis.zrange(keys.ids, '0', '-1')).toEqual([other.id])
  expect(await redis.exists(keys.of(one.id))).toBe(0)
})

test('the heartbeat of a killed process expires within 15 s, and its ID within a day', async () => {
  const { redis, keys, start, ids, put } = await setUp()
  await put('killed', { clockMs: -HOUR })
  await put('long-gone', { clockMs: -25 * HOUR })
  await redis.del(keys.of('killed'), keys.of('long-gone'))
  const { id } = start()
  await expect.poll(ids).toEqual([id])
  const ttl = await redis.pttl(keys.of(id))
  expect(ttl).toBeGreaterThan(0)
  expect(ttl).toBeLessThanOrEqual(15_000)
  expect((await redis.zrange(keys.ids, '0', '-1')).sort()).toEqual([id, 'killed'].sort())
})

test('a process whose clock is wrong counts as running, and its clock is told', async () => {
  const { read, start, put, ids } = await setUp()
  await put('late', { clockMs: -5 * HOUR })
  await put('early', { clockMs: 5 * HOUR })
  const { id } = start()
  await expect.poll(ids).toEqual([id, 'early', 'late'].sort())
  const early = (await read()).find((each) => each.id === 'early')
  expect(Date.parse(early?.at ?? '') - Date.now()).toBeGreaterThan(4 * HOUR)
})

test('unreadable heartbeats are left out: those of another version, or other text', async () => {
  const { put, ids } = await setUp()
  await put('fine')
  await put('other-version', { text: '{"app":"ship"}' })
  await put('cut', { text: '{' })
  await put('text', { text: 'nonsense' })
  expect(await ids()).toEqual(['fine'])
})

test('heartbeats go on after an outage of Redis, which only the debug log mentions', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { start, ids, read, redis } = await setUp(server.url)
  const logged: string[] = []
  const loud = (level: string) => (_fields: object, message: string) => logged.push(`${level} ${message}`)
  const log = { debug: loud('debug'), info: loud('info'), warn: loud('warn') }
  const { id } = start({ log })
  await expect.poll(ids).toEqual([id])
  await server.kill()
  await expect.poll(() => redis.status).not.toBe('ready')
  await expect(ids()).rejects.toThrow()
  const restartedAt = Date.now()
  await server.start()
  await expect.poll(() => redis.status).toBe('ready')
  const at = async () => Date.parse((await read())[0]?.at ?? '')
  await expect.poll(at).toBeGreaterThan(restartedAt)
  expect(await ids()).toEqual([id])
  expect(logged.filter((line) => line !== 'debug heartbeat.failed')).toEqual([])
})
