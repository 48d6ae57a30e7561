import { randomUUID } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createAskLimit } from '../src/ask-limit.ts'
import { awaitReady, connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

/** A process of its own, as far as Redis can tell. Its waits end when the test says so. */
const startLimit = async (prefix: string, { url = inject('redisUrl'), perSecond = 3, windowSeconds = 3600 } = {}) => {
  const redis = connectImpatiently({ url }, SILENT)
  onTestFinished(() => disconnect(redis))
  await awaitReady(redis, 10_000)
  const waiting: { ms: number; end: () => void }[] = []
  const given: number[] = []
  const takeTurn = createAskLimit({
    redis,
    prefix,
    perSecond,
    windowSeconds,
    name: 'api',
    wait: (ms) => new Promise<void>((end) => waiting.push({ ms, end })),
  })
  const ask = (count: number) => {
    for (let at = 0; at < count; at++) void takeTurn().then(() => given.push(at))
  }
  const goOn = () => {
    for (const { end } of waiting.splice(0)) end()
  }
  return { redis, takeTurn, ask, given, waiting, goOn }
}

test('two processes together get so many turns in a window, and the rest when it is over', async () => {
  const prefix = `test-${randomUUID()}`
  const [one, other] = [await startLimit(prefix), await startLimit(prefix)]
  const given = () => one.given.length + other.given.length
  one.ask(5)
  other.ask(5)
  for (const turns of [3, 6, 9]) {
    await waitFor('whoever is not done waits', () =>
      [one, other].every(({ waiting, given }) => waiting.length === 1 || given.length === 5),
    )
    expect(given()).toBe(turns)
    expect(Math.max(one.waiting[0]?.ms ?? 0, other.waiting[0]?.ms ?? 0)).toBeLessThanOrEqual(3_600_000)
    await one.redis.del(`${prefix}:turns:api`) // as if an hour had passed
    one.goOn()
    other.goOn()
  }
  await waitFor('all have had their turn', () => given() === 10)
  expect([one.given, other.given]).toEqual([
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 4],
  ])
})

test('a turn counts for a whole window of its own: what is given is remembered by the time, not by the clock', async () => {
  const prefix = `test-${randomUUID()}`
  const { redis, takeTurn } = await startLimit(prefix)
  await Promise.all([takeTurn(), takeTurn(), takeTurn()])
  const times = (await redis.zrange(`${prefix}:turns:api`, '0', '-1', 'WITHSCORES')).filter((_each, at) => at % 2 === 1)
  expect(new Set(times).size).toBe(3)

  // The oldest of the three leaves the window; only its place is free.
  const [oldest] = await redis.zrange(`${prefix}:turns:api`, '0', '0')
  await redis.zadd(`${prefix}:turns:api`, Number(times[0]) - 3600 * 1_000_000 - 1, oldest as string)
  await takeTurn()
  expect(await redis.zcard(`${prefix}:turns:api`)).toBe(3)
})

test('others of another name do not wait for these', async () => {
  const prefix = `test-${randomUUID()}`
  const limit = await startLimit(prefix)
  await Promise.all([limit.takeTurn(), limit.takeTurn(), limit.takeTurn()])
  const takeOther = createAskLimit({ redis: limit.redis, prefix, perSecond: 1, name: 'another' })
  await takeOther()
})

test('one who does not want to wait any longer leaves, and does not keep the others waiting', async () => {
  const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
  onTestFinished(() => disconnect(redis))
  await awaitReady(redis, 10_000)
  const prefix = `test-${randomUUID()}`
  const takeTurn = createAskLimit({ redis, prefix, perSecond: 1, windowSeconds: 3600, name: 'api' })
  await takeTurn()
  const controller = new AbortController()
  const impatient = takeTurn(controller.signal)
  controller.abort(new Error('enough'))
  await expect(impatient).rejects.toThrow()
  await redis.del(`${prefix}:turns:api`)
  await takeTurn()
})

test('while Redis is away, each process keeps to the limit by itself', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { redis, ask, given, waiting } = await startLimit(`test-${randomUUID()}`, { url: server.url })
  await server.close()
  await waitFor('Redis is away', () => redis.status !== 'ready')
  ask(5)
  await waitFor('one waits', () => waiting.length === 1)
  expect(given).toEqual([0, 1, 2])
})
