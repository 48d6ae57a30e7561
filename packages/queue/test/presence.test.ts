import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { ALIVE_MS, type AppNote, createPresenceReader, type PresenceOptions, startPresence } from '../src/presence.ts'
import { connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

const INGRESS = { app: 'ingress', spool: { callbacks: 2, bytes: 300, maxBytes: 1000, oldestAgeSeconds: 7 } } as const

const connect = async (url = inject('redisUrl')) => {
  const redis = connectImpatiently({ url }, SILENT)
  await once(redis, 'ready')
  onTestFinished(() => disconnect(redis))
  return redis
}

const setUp = async (url?: string) => {
  const redis = await connect(url)
  const prefix = `test-${randomUUID()}`
  const key = `${prefix}:presence`
  const readAlive = createPresenceReader(redis, prefix)
  const start = (more: Partial<PresenceOptions> = {}) => {
    const presence = startPresence({
      redis,
      prefix,
      version: '1.2.3',
      describe: () => INGRESS,
      everyMs: 20,
      log: SILENT,
      ...more,
    })
    onTestFinished(presence.close)
    return presence
  }
  const ids = async () => (await readAlive()).map(({ note }) => note.id).sort()
  /** A note as one that was killed so long ago has left it. */
  const leave = async (id: string, agoMs: number) => {
    const [seconds] = await redis.time()
    const note = { ...INGRESS, id, host: 'h', pid: 1, version: '1', startedAt: new Date().toISOString() }
    await redis.hset(key, id, `${Number(seconds) * 1000 - agoMs} ${JSON.stringify(note)}`)
  }
  return { redis, prefix, key, readAlive, start, ids, leave }
}

test('who is alive says who he is and what he does right now, again and again', async () => {
  const { readAlive, start } = await setUp()
  let callbacks = 0
  const { id } = start({ describe: (): AppNote => ({ ...INGRESS, spool: { ...INGRESS.spool, callbacks } }) })
  await expect.poll(readAlive).toMatchObject([
    {
      note: { id, app: 'ingress', pid: process.pid, version: '1.2.3', host: expect.any(String), spool: { bytes: 300 } },
      ageMs: expect.any(Number),
    },
  ])
  callbacks = 5
  await expect.poll(readAlive).toMatchObject([{ note: { id, spool: { callbacks: 5 } } }])
})

test('who ends takes his note away, and the others stay', async () => {
  const { start, ids } = await setUp()
  const [one, other] = [start(), start()]
  await expect.poll(ids).toEqual([one.id, other.id].sort())
  await one.close()
  await one.close()
  expect(await ids()).toEqual([other.id])
})

test('who was killed is gone when he was not heard of for a while, and the next one who starts removes his note', async () => {
  const { redis, key, leave, ids, start } = await setUp()
  await leave('just', ALIVE_MS / 2)
  await leave('long', ALIVE_MS + 2000)
  await leave('ages', 3600_000)
  expect(await ids()).toEqual(['just'])
  const { id } = start()
  await expect.poll(() => redis.hkeys(key)).toEqual(expect.arrayContaining([id]))
  expect((await redis.hkeys(key)).sort()).toEqual([id, 'just', 'long'].sort())
})

test('where nobody is alive any more, nothing stays', async () => {
  const { redis, key, start } = await setUp()
  start()
  await expect.poll(() => redis.pttl(key)).toBeGreaterThan(0)
  expect(await redis.pttl(key)).toBeLessThanOrEqual(60_000)
})

test('notes that nobody can read are left out: of another version, or no note at all', async () => {
  const { redis, key, readAlive, leave, ids } = await setUp()
  await leave('fine', 0)
  const [seconds] = await redis.time()
  await redis.hset(key, 'a', 'nonsense', 'b', `${seconds}000 {"app":"ship"}`, 'c', `${seconds}000 {`, 'd', '')
  expect(await ids()).toEqual(['fine'])
  expect(await readAlive()).toHaveLength(1)
})

test('a Redis that goes away and comes back finds who is alive by himself, and no word is said of it but for debugging', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { start, ids, redis } = await setUp(server.url)
  const said: string[] = []
  const loud = (level: string) => (_fields: object, message: string) => said.push(`${level} ${message}`)
  const log = { debug: loud('debug'), info: loud('info'), warn: loud('warn') }
  const { id } = start({ log })
  await expect.poll(ids).toEqual([id])
  await server.kill()
  await expect.poll(() => said.length).toBeGreaterThan(2)
  await expect(ids()).rejects.toThrow()
  await server.start()
  await expect.poll(() => redis.status).toBe('ready')
  await expect.poll(ids).toEqual([id])
  expect([...new Set(said)]).toEqual(['debug presence.not_noted'])
})
