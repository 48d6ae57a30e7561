import { randomUUID } from 'node:crypto'
import { Queue, UnrecoverableError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { separationJobOptions, stemJobOptions } from '../src/jobs.ts'
import { connectPatiently, disconnect } from '../src/redis.ts'
import { keepNotifications, keepSeparations, keepStems } from '../src/retention.ts'
import { createStemsWorker } from '../src/stems-worker.ts'

const DAY_S = 86_400
const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

/** Which jobs are still there when one more ends, of some that ended so many days ago, saved and failed. */
const kept = async (keep: ReturnType<typeof keepStems>, days: number[]) => {
  const prefix = `test-${randomUUID()}`
  const connection = { url: inject('redisUrl') }
  const queue = new Queue('jobs', { connection, prefix })
  const work = async ({ name }: { name: string }) => {
    if (name === 'failed') throw new UnrecoverableError('gone')
  }
  const worker = new Worker('jobs', work, { ...keep, connection, prefix })
  const admin = new Redis(connection.url)
  onTestFinished(async () => {
    await worker.close()
    await queue.close()
    admin.disconnect()
  })
  const ends = ['completed', 'failed'] as const
  const endOne = async (id: string) => {
    for (const end of ends) await queue.add(end, {}, { ...stemJobOptions(1), jobId: `${end}-${id}` })
    for (const end of ends) await waitFor('it has ended', async () => (await queue.getJobState(`${end}-${id}`)) === end)
  }
  for (const day of days) await endOne(`${day}d`)
  for (const end of ends) {
    for (const day of days) await admin.zadd(queue.toKey(end), Date.now() - day * DAY_S * 1000, `${end}-${day}d`)
  }
  await endOne('now')
  return (await Promise.all(ends.map((end) => queue.getRanges([end], 0, -1)))).flat().sort()
}

test('ended jobs go with the worker that ends another: no job brings an age of its own', async () => {
  expect(Object.keys({ ...separationJobOptions('task'), ...stemJobOptions(3) }).join()).not.toContain('removeOn')
  expect(await kept(keepSeparations(14 * DAY_S), [1, 13, 15])).toEqual(
    ['completed-13d', 'completed-1d', 'completed-now', 'failed-13d', 'failed-1d', 'failed-now'].sort(),
  )
})

test('failed stems are remembered for a week, and no more of them than Redis has room for', async () => {
  const failed = (await kept(keepStems(), [0.5, 2, 8])).filter((id) => id.startsWith('failed'))
  expect(failed).toEqual(['failed-0.5d', 'failed-2d', 'failed-now'])
  expect(keepStems()).toMatchObject({ removeOnFail: { count: 200_000 } })
})

test('the last thousand saved stems are remembered, and nothing is left of those before them', async () => {
  const redis = connectPatiently({ url: inject('redisUrl') }, SILENT)
  const prefix = `test-${randomUUID()}`
  const queue = new Queue('stems', { connection: redis, prefix })
  const saving = new Worker('stems', (job) => job.log('saved'), { connection: redis, prefix, concurrency: 100 })
  const ids = Array.from({ length: 1010 }, (_, n) => `stem-${n}`)
  await queue.addBulk(ids.map((jobId) => ({ name: 'stem', data: {}, opts: { jobId } })))
  await waitFor('all are saved', async () => (await queue.getCompletedCount()) === ids.length)
  await saving.close()
  const oldestFirst = await queue.getRanges(['completed'], 0, -1, true)

  const rest = { concurrency: 1, globalConcurrency: undefined, backoffMs: 1, log: SILENT }
  const save = () => Promise.reject(new Error('there is nothing to save'))
  const worker = createStemsWorker({ redis, prefix, ...rest, save })
  onTestFinished(async () => {
    await worker.close(0)
    await queue.close()
    disconnect(redis)
  })
  await waitFor('the oldest are removed', async () => (await queue.getCompletedCount()) === 1000)
  expect(await queue.getRanges(['completed'], 0, -1, true)).toEqual(oldestFirst.slice(10))
  const left = await redis.keys(`${prefix}:stems:stem-*`)
  expect(left.filter((key) => oldestFirst.slice(0, 10).some((id) => key.split(':').includes(id)))).toEqual([])
  expect(left).toHaveLength(2000)
})

test('where nobody says otherwise, separations and notifications are remembered for 30 days', () => {
  for (const keep of [keepSeparations(), keepNotifications()]) {
    expect(keep).toMatchObject({ removeOnComplete: { age: 30 * DAY_S }, removeOnFail: { age: 30 * DAY_S } })
  }
})
