import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Queue, Worker } from 'bullmq'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createQueueCounter } from '../src/counts.ts'
import { connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

const startCounter = async () => {
  const prefix = `test-${randomUUID()}`
  const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
  await once(redis, 'ready')
  const counter = createQueueCounter(redis, prefix)
  const stems = new Queue('stems', { connection: redis, prefix })
  onTestFinished(async () => {
    await stems.close()
    disconnect(redis)
  })
  const backlog = async () => (await counter.backlogs()).find(({ queue }) => queue === 'stems')
  return { prefix, counter, stems, redis, backlog }
}

test('what waits is counted with its priority or without, and what is delayed is not', async () => {
  const { counter, stems } = await startCounter()
  await stems.add('stem', {})
  await stems.add('stem', {}, { priority: 5 })
  await stems.add('stem', {}, { delay: 60_000 })
  expect(await counter.backlogs()).toEqual([
    { queue: 'separations', waiting: 0, isHeld: false },
    { queue: 'stems', waiting: 2, isHeld: false },
  ])
})

test('a queue that an operator has paused is held, with all that waits in it', async () => {
  const { stems, backlog } = await startCounter()
  await stems.add('stem', {})
  await stems.pause()
  expect(await backlog()).toEqual({ queue: 'stems', waiting: 1, isHeld: true })
  await stems.resume()
  expect(await backlog()).toEqual({ queue: 'stems', waiting: 1, isHeld: false })
})

test('a queue of which as many run as may run over all workers is held', async () => {
  const { prefix, stems, backlog } = await startCounter()
  await stems.setGlobalConcurrency(1)
  await stems.addBulk([
    { name: 'stem', data: {} },
    { name: 'stem', data: {} },
  ])
  expect(await backlog()).toMatchObject({ waiting: 2, isHeld: false })

  const gate = Promise.withResolvers<void>()
  const worker = new Worker('stems', () => gate.promise, { connection: { url: inject('redisUrl') }, prefix })
  onTestFinished(async () => {
    gate.resolve()
    await worker.close()
  })
  await once(worker, 'active')
  expect(await backlog()).toMatchObject({ waiting: 1, isHeld: true })
})

test('a Redis that is away is no backlog of zero', async () => {
  const { counter, redis } = await startCounter()
  redis.disconnect()
  await expect(counter.backlogs()).rejects.toThrow()
})
