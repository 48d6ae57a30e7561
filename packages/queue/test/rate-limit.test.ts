import { randomUUID } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createRateLimit } from '../src/rate-limit.ts'
import { awaitReady, connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const HOUR_MS = 3600_000

/** A process of its own, as far as Redis can tell. Its waits end when the test says so. */
const startLimit = async (prefix = `test-${randomUUID()}`, url = inject('redisUrl')) => {
  const redis = connectImpatiently({ url }, SILENT)
  onTestFinished(() => disconnect(redis))
  await awaitReady(redis, 10_000)
  const waiting: { ms: number; end: () => void }[] = []
  const acquired: string[] = []
  const acquire = createRateLimit({
    redis,
    prefix,
    perSecond: 3,
    windowSeconds: 3600,
    wait: (ms) => new Promise<void>((end) => waiting.push({ ms, end })),
  })
  const ask = (name: string, count: number) => {
    for (let nth = 0; nth < count; nth++) void acquire(name).then(() => acquired.push(`${name}${nth}`))
  }
  const endWindow = (name: string) => redis.del(`${prefix}:rate:${name}`)
  const endWaits = () => {
    for (const { end } of waiting.splice(0)) end()
  }
  return { redis, prefix, acquire, ask, acquired, waiting, endWindow, endWaits }
}

test('two processes together get as many slots in a window as the limit says, each in its order', async () => {
  const one = await startLimit()
  const other = await startLimit(one.prefix)
  one.ask('a', 4)
  other.ask('a', 4)
  for (const slots of [3, 6]) {
    await waitFor('each waits that is not done', () =>
      [one, other].every(({ waiting, acquired }) => waiting.length === 1 || acquired.length === 4),
    )
    expect(one.acquired.length + other.acquired.length).toBe(slots)
    await one.endWindow('a')
    for (const { endWaits } of [one, other]) endWaits()
  }
  const inOrder = ['a0', 'a1', 'a2', 'a3']
  await waitFor('all are done', () => one.acquired.length + other.acquired.length === 8)
  expect([one.acquired, other.acquired]).toEqual([inOrder, inOrder])
})

test('a refused request waits until the window ends, and other names have slots of their own', async () => {
  const { ask, acquired, waiting } = await startLimit()
  ask('a', 5)
  await waitFor('one waits', () => waiting.length === 1)
  expect(waiting[0]?.ms).toBeGreaterThan(HOUR_MS - 60_000)
  expect(waiting[0]?.ms).toBeLessThanOrEqual(HOUR_MS)
  ask('b', 3)
  await waitFor('the others have theirs', () => acquired.length === 6)
})

test('a check that fails ends the wait, and those behind go on', async () => {
  const { acquire, ask, acquired, waiting, endWindow, endWaits } = await startLimit()
  ask('a', 3)
  const reasons: (string | undefined)[] = [undefined, 'enough']
  const given = acquire('a', {
    check: async () => {
      const reason = reasons.shift()
      if (reason) throw new Error(reason)
    },
  })
  const failed = expect(given).rejects.toThrow('enough')
  await waitFor('it waits', () => waiting.length === 1)
  ask('a', 2)
  await endWindow('a')
  endWaits()
  await failed
  await waitFor('the others have their slots', () => acquired.length === 5)
})

test('the next window begins by itself', async () => {
  const { redis, prefix } = await startLimit()
  const acquire = createRateLimit({ redis, prefix, perSecond: 2 })
  let waits = 0
  await Promise.all(Array.from({ length: 5 }, () => acquire('a', { onWait: () => void waits++ })))
  expect(waits).toBeGreaterThanOrEqual(2)
})

test('while Redis is disconnected, each process keeps to the limit by itself', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { redis, ask, acquired, waiting } = await startLimit(undefined, server.url)
  await server.close()
  await waitFor('Redis is disconnected', () => redis.status !== 'ready')
  ask('a', 5)
  await waitFor('one waits', () => waiting.length === 1)
  expect(acquired).toEqual(['a0', 'a1', 'a2'])
})
