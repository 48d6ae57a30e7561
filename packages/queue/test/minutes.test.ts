import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Queue, Worker } from 'bullmq'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createArrivalCount } from '../src/arrival-count.ts'
import { createQueueCounter } from '../src/counts.ts'
import { createSampler } from '../src/minute-samples.ts'
import { createMinutesReader, minuteKeys, WINDOW_MINUTES } from '../src/minutes.ts'
import { connectImpatiently, disconnect } from '../src/redis.ts'
import { sharedWorkerOptions } from '../src/worker-options.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const MINUTE = 60_000

const setUp = async () => {
  const prefix = `test-${randomUUID()}`
  const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
  await once(redis, 'ready')
  const counter = createQueueCounter(redis, prefix)
  const reader = createMinutesReader(redis, prefix)
  const [stems, separations] = ['stems', 'separations'].map(
    (name) => new Queue(name, { connection: redis, prefix }),
  ) as [Queue, Queue]
  const arrivals = createArrivalCount(redis, prefix, SILENT)
  onTestFinished(async () => {
    await Promise.all([counter.close(), reader.close(), stems.close(), separations.close(), arrivals.close()])
    disconnect(redis)
  })
  const sample = createSampler({ redis, prefix, counter })
  return { redis, prefix, keys: minuteKeys(prefix), reader, stems, separations, arrivals, sample }
}

/** All that a series tells; which minute it happened in is the machine's business. */
const known = (series: (number | null)[]) => series.filter((figure) => figure !== null)
const sum = (series: (number | null)[]) => known(series).reduce((total, figure) => total + figure, 0)

test('where nothing has ever happened, nothing came and nothing ended, and nobody knows what waited', async () => {
  const { reader } = await setUp()
  const minutes = await reader.read()
  for (const name of ['arrived', 'saved', 'failed'] as const) {
    expect(minutes[name]).toHaveLength(WINDOW_MINUTES)
    expect(sum(minutes[name])).toBe(0)
  }
  for (const name of ['waiting', 'running', 'delayed'] as const) expect(known(minutes[name])).toEqual([])
  expect(Math.abs(minutes.first + WINDOW_MINUTES - 1 - Math.floor(Date.now() / MINUTE))).toBeLessThanOrEqual(1)
})

test('a sample tells what waits and what is put off, and is taken once a minute, however many take it', async () => {
  const { redis, keys, reader, stems, separations, sample } = await setUp()
  await separations.add('separation', {})
  await stems.add('stem', {}, { priority: 5 })
  await stems.add('stem', {})
  await stems.add('stem', {}, { delay: 60_000 })
  await Promise.all([sample(), sample(), sample()])
  const sampled = await redis.hlen(keys.samples)
  expect([1, 2]).toContain(sampled) // the minute may have turned
  const minutes = await reader.read()
  expect(known(minutes.waiting)).toEqual(Array(sampled).fill(3))
  expect(known(minutes.delayed)).toEqual(Array(sampled).fill(1))
  expect(known(minutes.running)).toEqual(Array(sampled).fill(0))
})

test('what is older than the window is forgotten, and so is everything where nobody works any more', async () => {
  const { redis, keys, reader, sample } = await setUp()
  const minute = Math.floor(Date.now() / MINUTE)
  for (const key of [keys.samples, keys.arrived]) {
    for (const ago of [1, WINDOW_MINUTES - 2, WINDOW_MINUTES + 1, 5000])
      await redis.hset(key, `${minute - ago}`, '1 2 3')
  }
  await redis.hset(keys.arrived, `${minute - 1}`, '4', `${minute - WINDOW_MINUTES + 2}`, '3')
  await sample()
  expect(await redis.hlen(keys.arrived)).toBe(2)
  expect(await redis.hlen(keys.samples)).toBe(3)
  const { waiting, running, delayed, arrived } = await reader.read()
  expect([waiting, running, delayed].map((series) => known(series).slice(0, 2))).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ])
  expect(known(arrived).filter((count) => count > 0)).toEqual([3, 4])
  for (const key of [keys.samples, keys.arrived]) expect(await redis.ttl(key)).toBeGreaterThan(WINDOW_MINUTES * 60)
})

test('a minute whose sampler died before it had counted has no figure', async () => {
  const { redis, keys, reader } = await setUp()
  const minute = Math.floor(Date.now() / MINUTE)
  await redis.hset(keys.samples, `${minute}`, '', `${minute - 1}`, '1 x 3')
  expect(known((await reader.read()).waiting)).toEqual([])
})

test('arrivals are counted in the minute in which they came, however late they were delivered', async () => {
  const { redis, keys, reader, arrivals } = await setUp()
  const now = Date.now()
  const came = [now, now, now - 90 * MINUTE]
  for (const at of came) arrivals.add(new Date(at).toISOString())
  expect(await redis.exists(keys.arrived)).toBe(0) // they go together
  await arrivals.close()
  await arrivals.close()
  const { arrived, first } = await reader.read()
  expect(sum(arrived)).toBe(3)
  expect(arrived[Math.floor((now - 90 * MINUTE) / MINUTE) - first]).toBe(1)
})

test('they are counted by themselves as well, and a Redis that is away is nobody’s trouble', async () => {
  const { reader, arrivals, redis } = await setUp()
  arrivals.add(new Date().toISOString())
  await expect.poll(async () => sum((await reader.read()).arrived)).toBe(1)
  redis.disconnect()
  arrivals.add(new Date().toISOString())
  await arrivals.close()
})

test('what ended is told by BullMQ, saved and failed for good apart', async () => {
  const { prefix, reader, stems } = await setUp()
  await stems.addBulk(['a', 'b', 'c', 'bad', 'bad'].map((name) => ({ name, data: {} })))
  const connection = { url: inject('redisUrl') }
  const outcome = async ({ name }: { name: string }) => {
    if (name === 'bad') throw new Error('gone')
  }
  const worker = new Worker('stems', outcome, { ...sharedWorkerOptions, connection, prefix })
  await waitFor('all have ended', async () => (await stems.getJobCountByTypes('waiting', 'active')) === 0)
  await worker.close()
  const { saved, failed } = await reader.read()
  expect([sum(saved), sum(failed)]).toEqual([3, 2])
})
