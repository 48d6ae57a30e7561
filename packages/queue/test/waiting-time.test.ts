import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Queue, Worker } from 'bullmq'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { sharedWorkerOptions } from '../src/consumer.ts'
import { connectImpatiently, disconnect } from '../src/redis.ts'
import { createWaitingTime, rateOf } from '../src/waiting-time.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const MINUTE = 60_000
const ended = (prevTS: number, count: number, prevCount: number, data: number[] = []) => ({
  meta: { count, prevTS, prevCount },
  data,
})

/** A queue, and what waits in it; the clock stands still unless it is told to go on. */
const startQueue = async () => {
  const prefix = `test-${randomUUID()}`
  const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
  await once(redis, 'ready')
  const clock = { at: Date.now() }
  const time = createWaitingTime(redis, prefix, () => clock.at)
  const stems = new Queue('stems', { connection: redis, prefix })
  onTestFinished(async () => {
    await stems.close()
    disconnect(redis)
  })
  const seconds = async () => (await time.read()).find(({ queue }) => queue === 'stems')?.seconds
  /** Has all that waits done, by a worker as ours are. */
  const work = async (outcome: () => Promise<void> = async () => {}) => {
    const connection = { url: inject('redisUrl') }
    const worker = new Worker('stems', outcome, { ...sharedWorkerOptions, connection, prefix })
    await waitFor('all is done', async () => (await stems.getJobCountByTypes('waiting', 'prioritized', 'active')) === 0)
    await worker.close()
  }
  const add = (count: number, options = {}) =>
    stems.addBulk(Array.from({ length: count }, () => ({ name: 'stem', data: {}, opts: options })))
  return { clock, stems, redis, seconds, work, add, time }
}

test('where nothing waits, the waiting time is 0, in a queue that nobody has ever used too', async () => {
  const { seconds, add, work, time } = await startQueue()
  expect(await time.read()).toEqual([
    { queue: 'stems', seconds: 0 },
    { queue: 'separations', seconds: 0 },
  ])
  await add(3)
  await work()
  expect(await seconds()).toBe(0)
})

test('what waits is divided by what all workers have ended lately, saved or failed for good', async () => {
  const { clock, stems, seconds, add, work } = await startQueue()
  await add(20)
  await work()
  await add(10)
  await work(() => Promise.reject(new Error('gone')))
  await add(15)
  await add(15, { priority: 3 })
  // At the end of the minute in which the last job ended: if that is the one in which the first did, 30 in 60 s.
  const { prevTS } = (await stems.getMetrics('completed')).meta
  const last = (await stems.getMetrics('failed')).meta.prevTS
  clock.at = (Math.floor(last / MINUTE) + 1) * MINUTE - 1
  const minutes = Math.floor(last / MINUTE) - Math.floor(prevTS / MINUTE) + 1
  expect(await seconds()).toBeCloseTo(30 / (30 / (60 * minutes)), 0)
})

test('a retry whose time has not come is no work; one whose time has come is, and one that is due counts without any worker', async () => {
  const { clock, seconds, add } = await startQueue()
  await add(1, { delay: 60_000 })
  expect(await seconds()).toBe(0)
  clock.at += 65_000
  expect(await seconds()).toBeGreaterThan(4)
  expect(await seconds()).toBeLessThan(6)
})

test('where nothing was ended lately, the waiting time is that of the next job in turn, which grows until somebody works', async () => {
  const { clock, seconds, add } = await startQueue()
  const [first] = await add(2)
  clock.at = (first?.timestamp ?? 0) + 90_000
  expect(await seconds()).toBe(90)
  clock.at += 3600_000
  expect(await seconds()).toBe(3690)
})

test('the oldest job in each queue tells for how long it has been waiting, whatever is done about the others', async () => {
  const { clock, time, add, work } = await startQueue()
  await add(3)
  await work()
  const [first] = await add(1)
  clock.at = (first?.timestamp ?? 0) + 7000
  expect(await time.readOldest()).toEqual([
    { queue: 'stems', seconds: 7 },
    { queue: 'separations', seconds: 0 },
  ])
})

test('a queue that an operator has paused needs no more workers', async () => {
  const { clock, stems, seconds, add } = await startQueue()
  await add(2)
  await stems.pause()
  clock.at += 90_000
  expect(await seconds()).toBe(0)
})

test('a Redis that is away is no waiting time of zero', async () => {
  const { time, redis } = await startQueue()
  redis.disconnect()
  await expect(time.read()).rejects.toThrow()
})

test.each([
  ['nothing has ever ended', [ended(0, 0, 0)], 100 * MINUTE, 0],
  ['in the first seconds a moment is not taken for a rate', [ended(100 * MINUTE, 2, 0)], 100 * MINUTE + 1, 2 / 10_000],
  ['in the running minute what has passed of it counts', [ended(100 * MINUTE + 5, 30, 0)], 100.5 * MINUTE, 30 / 30_000],
  ['minutes that are over count whole', [ended(100 * MINUTE, 90, 60, [40, 20])], 101 * MINUTE, 90 / (3 * MINUTE)],
  ['minutes without an end are left out', [ended(100 * MINUTE, 90, 60, [0, 0, 60])], 101 * MINUTE, 90 / (2 * MINUTE)],
  ['both kinds of end count', [ended(100 * MINUTE, 9, 3), ended(100 * MINUTE, 6, 0)], 101 * MINUTE, 12 / MINUTE],
  ['what is long over does not', [ended(100 * MINUTE, 90, 60, [30])], 106.5 * MINUTE, 0],
])('%s', (_, kinds, at, rate) => {
  expect(rateOf(kinds, at)).toBeCloseTo(rate, 9)
})
