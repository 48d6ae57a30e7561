import { randomUUID } from 'node:crypto'
import { Queue, UnrecoverableError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { separationJobOptions, stemJobOptions } from '../src/jobs.ts'
import { keepNotifications, keepSeparations, keepStems } from '../src/retention.ts'

const DAY_S = 86_400

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
    await waitFor('both have ended', async () => (await queue.getJobCountByTypes('waiting', 'active')) === 0)
  }
  for (const day of days) await endOne(`${day}d`)
  for (const end of ends) {
    for (const day of days) await admin.zadd(queue.toKey(end), 'XX', Date.now() - day * DAY_S * 1000, `${end}-${day}d`)
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

test('saved stems leave their queue at once, failed ones after a week', async () => {
  expect(await kept(keepStems(), [0.5, 2, 8])).toEqual(['failed-0.5d', 'failed-2d', 'failed-now'])
})

test('of failed stems no more are remembered than Redis has room for', () => {
  expect(keepStems()).toMatchObject({ removeOnFail: { count: 200_000 } })
})

test('where nobody says otherwise, separations and notifications are remembered for 30 days', () => {
  for (const keep of [keepSeparations(), keepNotifications()]) {
    expect(keep).toMatchObject({ removeOnComplete: { age: 30 * DAY_S }, removeOnFail: { age: 30 * DAY_S } })
  }
})
