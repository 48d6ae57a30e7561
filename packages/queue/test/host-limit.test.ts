import { randomUUID } from 'node:crypto'
import { BusyHostError } from '@stems/domain/errors'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createHostLimit } from '../src/host-limit.ts'
import { createRateLimit } from '../src/rate-limit.ts'
import { awaitReady, connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const LINK = 'https://files.example/a.mp3'
const OTHER = 'https://other.example/a.mp3'
const HOUR = 3600
const FOREVER = { leftMs: Number.POSITIVE_INFINITY, signal: new AbortController().signal, progress: () => {} }

type Options = { perSecond?: number; windowSeconds?: number; url?: string }

/** The limits of two processes in one Redis. */
const startLimits = async ({ perSecond, windowSeconds, url = inject('redisUrl') }: Options = {}) => {
  const prefix = `test-${randomUUID()}`
  const refused: string[] = []
  const start = async () => {
    const redis = connectImpatiently({ url }, SILENT)
    onTestFinished(() => disconnect(redis))
    await awaitReady(redis, 5000)
    const rateLimit = perSecond ? createRateLimit({ redis, prefix, perSecond, windowSeconds }) : undefined
    const onRefused = (reason: string) => void refused.push(reason)
    return { redis, ...createHostLimit({ redis, prefix, rateLimit, onRefused, log: SILENT }) }
  }
  const [one, other] = [await start(), await start()]
  return { one, other, refused, keys: () => one.redis.keys(`${prefix}:*`) }
}

const refusalOf = (acquiring: Promise<void>): Promise<BusyHostError> =>
  acquiring.then(
    () => Promise.reject(new Error('the host may be asked')),
    (error: unknown) => (error instanceof BusyHostError ? error : Promise.reject(error)),
  )

const pauseLeftMs = async (acquiring: Promise<void>): Promise<number> => {
  const { reason, retryAfterMs } = await refusalOf(acquiring)
  expect(reason).toBe('pause')
  return retryAfterMs as number
}

test('a host that one process pauses is asked by none, and other hosts are asked', async () => {
  const { one, other, refused } = await startLimits()
  await one.pause(['files.example'], 60_000)
  for (const { acquire } of [one, other]) {
    const leftMs = await pauseLeftMs(acquire(LINK, FOREVER))
    expect(leftMs).toBeGreaterThan(50_000)
    expect(leftMs).toBeLessThanOrEqual(60_000)
  }
  expect(refused).toEqual(['pause', 'pause'])
  await other.acquire(OTHER, FOREVER)
})

test('that a host is not paused is asked once for the stems that start together, and a pause at once holds for its process', async () => {
  const { one } = await startLimits()
  const asked = vi.spyOn(one.redis, 'pttl')
  await Promise.all(Array.from({ length: 12 }, () => one.acquire(LINK, FOREVER)))
  expect(asked).toHaveBeenCalledTimes(1)
  await one.pause(['files.example'], 60_000)
  expect(await pauseLeftMs(one.acquire(LINK, FOREVER))).toBeGreaterThan(50_000)
})

test('a host is the same in upper case, with its usual port and with a dot at its end; another port is another', async () => {
  const { one } = await startLimits()
  await one.pause(['files.example.'], 60_000)
  for (const same of ['https://FILES.example/b', 'https://files.example:443/', 'https://files.example./c']) {
    expect(await refusalOf(one.acquire(same, FOREVER))).toMatchObject({ host: 'files.example', reason: 'pause' })
  }
  await one.acquire('https://files.example:8443/', FOREVER)
})

test('a pause only gets longer, whichever process asks for which', async () => {
  const { one, other } = await startLimits()
  await one.pause(['files.example'], 60_000)
  await other.pause(['files.example'], 1000)
  expect(await pauseLeftMs(one.acquire(LINK, FOREVER))).toBeGreaterThan(50_000)
  await other.pause(['files.example'], 600_000)
  expect(await pauseLeftMs(one.acquire(LINK, FOREVER))).toBeGreaterThan(500_000)

  const hosts = Array.from({ length: 50 }, (_, nth) => `${nth}.example`)
  await Promise.all(hosts.flatMap((host) => [one.pause([host], 60_000), other.pause([host], 600_000)]))
  for (const host of hosts) {
    expect(await pauseLeftMs(one.acquire(`https://${host}/`, FOREVER))).toBeGreaterThan(500_000)
  }
})

test('a pause ends by itself, and none is longer than an hour', async () => {
  const { one } = await startLimits()
  await one.pause(['files.example'], 50)
  await waitFor('it may be asked', () => one.acquire(LINK, FOREVER).then(() => true, Boolean))
  await one.pause(['files.example', 'other.example'], 10 ** 9)
  for (const link of [LINK, OTHER]) {
    expect(await pauseLeftMs(one.acquire(link, FOREVER))).toBeLessThanOrEqual(3_600_000)
  }
})

test('a host that is paused for longer than the file lives is asked all the same', async () => {
  const { one } = await startLimits()
  await one.pause(['files.example'], 60_000)
  await one.acquire(LINK, { ...FOREVER, leftMs: 30_000 })
  await one.acquire(LINK, { ...FOREVER, leftMs: -5 })
})

test('two processes together send as many requests to a host in a window as the limit says, and other hosts have their own', async () => {
  const { one, other, refused } = await startLimits({ perSecond: 3, windowSeconds: HOUR })
  const shutdown = new AbortController()
  const attempt = { ...FOREVER, signal: shutdown.signal }
  const asked = Array.from({ length: 20 }, (_, nth) => (nth % 2 ? one : other).acquire(LINK, attempt))
  const answers = Promise.allSettled(asked)
  await waitFor('one of each process waits', () => refused.length === 2)
  await other.acquire(OTHER, FOREVER)
  shutdown.abort()
  expect((await answers).filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
  expect(new Set(refused)).toEqual(new Set(['rate']))
})

test('a stem waits for a slot of a later window, and its worker does not count as stuck', async () => {
  const { one, other, refused } = await startLimits({ perSecond: 3 })
  const shown: number[] = []
  const attempt = { ...FOREVER, progress: (bytes: number) => void shown.push(bytes) }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 12 }, (_, nth) => (nth % 2 ? one : other).acquire(LINK, attempt)))
  expect(performance.now() - startedAt).toBeGreaterThan(2900) // the fourth window begins three seconds after the first
  expect(new Set(refused)).toEqual(new Set(['rate']))
  expect(shown).toEqual(refused.map(() => 0))
})

test('the wait for a slot ends when the worker shuts down, and when the host is paused', async () => {
  const { one, other, refused } = await startLimits({ perSecond: 1, windowSeconds: 5 })
  await one.acquire(LINK, FOREVER)
  const shutdown = new AbortController()
  const interrupted = one.acquire(LINK, { ...FOREVER, signal: shutdown.signal })
  const paused = one.acquire(LINK, FOREVER)
  await waitFor('one waits, and the other behind it', () => refused.length === 1)
  shutdown.abort()
  await expect(interrupted).rejects.toMatchObject({ code: 'interrupted' })
  await other.pause(['files.example'], 60_000)
  await pauseLeftMs(paused)
})

test('a paused host is sent nothing, so that no slot is used up', async () => {
  const { one, keys } = await startLimits({ perSecond: 1, windowSeconds: HOUR })
  await one.pause(['files.example'], 60_000)
  await refusalOf(one.acquire(LINK, FOREVER))
  expect(await one.redis.del(await keys())).toBe(1) // the pause
  await one.acquire(LINK, FOREVER)
})

test('every key about a host expires', async () => {
  const { one, keys } = await startLimits({ perSecond: 5 })
  await one.acquire(LINK, FOREVER)
  await one.pause(['files.example'], 1000)
  const kept = await keys()
  expect(kept).toHaveLength(2)
  for (const key of kept) expect(await one.redis.pttl(key)).toBeGreaterThan(0)
})

test('while Redis is disconnected, hosts are asked', async () => {
  const server = await startRedisServer()
  onTestFinished(() => server.close())
  const { one } = await startLimits({ url: server.url })
  await one.pause(['files.example'], 60_000)
  await server.kill()
  await waitFor('Redis is disconnected', () => one.redis.status !== 'ready')
  await one.pause(['files.example'], 60_000)
  await one.acquire(LINK, FOREVER)
})
