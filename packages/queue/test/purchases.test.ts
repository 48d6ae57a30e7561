import { randomUUID } from 'node:crypto'
import type { Order, PurchaseOutcome } from '@stems/domain/purchase'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createPurchaseBook, createPurchases, MARK } from '../src/purchases.ts'
import { awaitReady, connectImpatiently, disconnect } from '../src/redis.ts'
import { createSubmitter } from '../src/submit.ts'

const order: Order = { sourceTaskId: 'song-1', audioId: 'audio-1', type: 'split_stem' }

const bought = (taskId: string) => ({ status: 'bought', taskId, isRegistered: true })

const start = (buy: (order: Order, mark: string) => Promise<PurchaseOutcome>) => {
  const redis = new Redis(inject('redisUrl'))
  const prefix = `test-${randomUUID()}`
  onTestFinished(() => redis.disconnect())
  const asked: string[] = []
  const expected: string[] = []
  const { purchase, close } = createPurchases({
    redis,
    prefix,
    deadlineMs: 5000,
    expect: async (taskId) => void expected.push(taskId),
    buy: (order, mark) => {
      asked.push(mark)
      return buy(order, mark)
    },
  })
  onTestFinished(close)
  return { redis, prefix, purchase, asked, expected, settle: createPurchaseBook(redis, prefix).settle }
}

const sells = () => {
  let sold = 0
  return async (): Promise<PurchaseOutcome> => ({ kind: 'bought', taskId: `task-${++sold}` })
}

test('a track and type is bought once, and its task is expected', async () => {
  const { purchase, asked, expected } = start(sells())
  expect(await purchase(order)).toEqual(bought('task-1'))
  expect(await purchase(order)).toEqual({ status: 'already', taskId: 'task-1' })
  expect(await purchase({ ...order, type: 'separate_vocal' })).toEqual(bought('task-2'))
  expect(expected).toEqual(['task-1', 'task-1', 'task-2']) // registering is harmless, and its buyer may have died before
  expect(asked).toHaveLength(2)
  expect(asked[0]).toMatch(MARK)
})

test('it is bought again when somebody says so', async () => {
  const { purchase } = start(sells())
  await purchase(order)
  expect(await purchase(order, { again: true })).toEqual(bought('task-2'))
  expect(await purchase(order)).toEqual({ status: 'already', taskId: 'task-2' })
})

test('of a hundred who order the same at once, one buys', async () => {
  const { purchase, asked } = start(sells())
  const answers = await Promise.all(Array.from({ length: 100 }, () => purchase(order)))
  expect(asked).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 'bought')).toHaveLength(1)
})

test('of a hundred who order the same again at once, one buys', async () => {
  const { purchase, asked } = start(sells())
  await purchase(order)
  await Promise.all(Array.from({ length: 100 }, () => purchase(order, { again: true })))
  expect(asked.length).toBeGreaterThanOrEqual(2)
  expect(new Set(asked).size).toBe(asked.length)
})

test('what certainly was not bought may be ordered again', async () => {
  let refuses = true
  const { purchase } = start(async () => {
    if (refuses) throw new Error('no credits')
    return { kind: 'bought', taskId: 'task-1' }
  })
  await expect(purchase(order)).rejects.toThrow('no credits')
  refuses = false
  expect(await purchase(order)).toEqual(bought('task-1'))
})

test('what may have been bought is not bought a second time, until its callback says what it was', async () => {
  const { purchase, asked, settle } = start(async () => ({ kind: 'maybe', why: 'no answer came' }))
  const maybe = { status: 'maybe', why: 'no answer came', since: expect.any(String) }
  expect(await purchase(order)).toEqual(maybe)
  expect(await purchase(order)).toEqual(maybe)
  expect(asked).toHaveLength(1)

  await settle(`${'0'.repeat(32)}.${randomUUID()}`, 'task-of-another')
  await settle('no mark at all', 'task-of-another')
  expect(await purchase(order)).toEqual(maybe)

  await settle(asked[0] as string, 'task-9')
  expect(await purchase(order)).toEqual({ status: 'already', taskId: 'task-9' })
})

test('a purchase whose buyer died may have been made: nobody repeats it unasked', async () => {
  const { purchase, redis, prefix, asked } = start(async () => ({ kind: 'maybe', why: 'no answer came' }))
  await purchase(order)
  const key = `${prefix}:purchase:${asked[0]?.split('.')[0]}`
  const begun = { mark: asked[0], state: 'buying' }
  await redis.set(key, JSON.stringify({ ...begun, at: new Date().toISOString() }))
  expect(await purchase(order, { again: true })).toEqual({ status: 'buying' })

  const at = new Date(Date.now() - 61_000).toISOString()
  await redis.set(key, JSON.stringify({ ...begun, at }))
  expect(await purchase(order)).toEqual({ status: 'maybe', why: expect.stringContaining('no answer'), since: at })
})

test('while Redis is away nothing is bought, for nobody could remember it', async () => {
  const { purchase, redis, asked } = start(sells())
  redis.disconnect()
  await expect(purchase(order)).rejects.toThrow()
  expect(asked).toEqual([])
})

test('a purchase that its callback has settled while its answer was waited for is not doubted any more', async () => {
  const { purchase, settle } = start(async (_order, mark) => {
    await settle(mark, 'task-9')
    return { kind: 'maybe', why: 'no answer came' }
  })
  expect(await purchase(order)).toEqual(bought('task-9'))
  expect(await purchase(order)).toEqual({ status: 'already', taskId: 'task-9' })
})

test('when Redis goes away after the purchase, the buyer is told, and it is remembered and expected once Redis is back', async () => {
  const server = await startRedisServer()
  onTestFinished(() => server.close())
  const redis = connectImpatiently({ url: server.url }, { debug: () => {}, info: () => {}, warn: () => {} })
  onTestFinished(() => disconnect(redis))
  await awaitReady(redis, 5000)
  const room = { redis, prefix: 'test', deadlineMs: 500 }
  const submitter = createSubmitter(room)
  const { purchase, close } = createPurchases({
    ...room,
    expect: submitter.expect,
    buy: async () => {
      await server.kill()
      return { kind: 'bought', taskId: 'task-1' }
    },
  })
  onTestFinished(close)
  expect(await purchase(order)).toEqual({ ...bought('task-1'), isRegistered: false })

  await server.start()
  await waitFor('the task is expected', async () => (await submitter.stateOf('task-1').catch(() => '')) === 'running')
  expect(await purchase(order)).toEqual({ status: 'already', taskId: 'task-1' })
})
