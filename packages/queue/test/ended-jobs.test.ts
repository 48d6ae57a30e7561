import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Queue, Worker } from 'bullmq'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { sharedWorkerOptions } from '../src/consumer.ts'
import { readLastHour } from '../src/ended-jobs.ts'
import { connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const MINUTE = 60_000

const startQueue = async () => {
  const prefix = `test-${randomUUID()}`
  const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
  await once(redis, 'ready')
  const queue = new Queue('stems', { connection: redis, prefix })
  onTestFinished(async () => {
    vi.useRealTimers()
    await queue.close()
    disconnect(redis)
  })
  /** A job that is named "bad" fails for good. */
  const end = async (...names: string[]) => {
    await queue.addBulk(names.map((name) => ({ name, data: {} })))
    const process = async ({ name }: { name: string }) => {
      if (name === 'bad') throw new Error('gone')
    }
    const worker = new Worker('stems', process, {
      ...sharedWorkerOptions,
      connection: { url: inject('redisUrl') },
      prefix,
    })
    await waitFor('all jobs to end', async () => (await queue.getJobCountByTypes('waiting', 'active')) === 0)
    await worker.close()
  }
  return { redis, queue, end }
}

test('a queue without jobs has none of the last hour', async () => {
  const { queue } = await startQueue()
  expect(await readLastHour(queue)).toEqual({ completed: 0, failed: 0 })
})

test('completed and failed jobs are counted apart, for an hour', async () => {
  const { queue, end } = await startQueue()
  await end('a', 'b', 'bad')
  await end('c', 'bad')
  expect(await readLastHour(queue)).toEqual({ completed: 3, failed: 2 })
  expect(await readLastHour(queue, Date.now() + 58 * MINUTE)).toEqual({ completed: 3, failed: 2 })
  expect(await readLastHour(queue, Date.now() + 61 * MINUTE)).toEqual({ completed: 0, failed: 0 })
})

test('jobs that ended before a long idle time are not counted when the next job ends', async () => {
  const { queue, end } = await startQueue()
  const now = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: now - 180 * MINUTE })
  await end('a', 'b', 'bad', 'bad')
  vi.setSystemTime(now)
  await end('c', 'bad')
  expect(await readLastHour(queue, now)).toEqual({ completed: 1, failed: 1 })
})

test('no figure is given while Redis is disconnected', async () => {
  const { redis, queue } = await startQueue()
  redis.disconnect()
  await expect(readLastHour(queue)).rejects.toThrow()
})
