import { randomUUID } from 'node:crypto'
import type { Separation } from '@stems/domain/separation'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import type { SeparationJob, SeparationResult } from '../src/jobs.ts'
import { createListing } from '../src/listing.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createSubmitter } from '../src/submit.ts'
import { CursorError, type ListedStatus } from '../src/walk-cursor.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

// Without a link nothing is to be fetched, so that no worker for stems is needed.
const separationOf = (taskId: string): Separation => ({
  taskId,
  type: 'unknown',
  code: 200,
  msg: '',
  receivedAt: new Date().toISOString(),
  stems: [{ name: 'vocal', url: null }],
})

const start = () => {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
  const prefix = `test-${randomUUID()}`
  const room = { redis, prefix, deadlineMs: 20_000 }
  const submitter = createSubmitter(room)
  const listing = createListing(room)
  const queue = new Queue<SeparationJob, SeparationResult>('separations', { connection: redis, prefix })
  onTestFinished(async () => {
    await Promise.all([submitter.close(), listing.close(), queue.close()])
    redis.disconnect()
  })
  /** Drives what waits; `statusOf` says how each task ends. */
  const work = (statusOf: (taskId: string) => SeparationResult['status'] = () => 'complete') => {
    const worker = createSeparationsWorker({
      redis,
      prefix,
      attempts: 1,
      begin: async () => {},
      finish: async ({ taskId }) => statusOf(taskId),
      log: silent,
    })
    onTestFinished(() => worker.close())
    return worker
  }
  const submitAll = (taskIds: string[]) => Promise.all(taskIds.map((taskId) => submitter.submit(separationOf(taskId))))
  const allEnded = () =>
    waitFor('all have ended', async () => {
      const { completed, ...others } = await queue.getJobCounts()
      return Object.values(others).every((count) => count === 0) && completed
    })
  /** All that a walk shows, in order. */
  const walk = async (
    of: ListedStatus | undefined,
    limit: number,
    between: (step: number) => Promise<void> = async () => {},
  ) => {
    const shown: string[] = []
    let cursor: string | undefined
    for (let step = 1; ; step++) {
      const { separations, next } = await listing.walk(of, cursor, limit)
      expect(separations.length).toBeLessThanOrEqual(limit)
      shown.push(...separations.map(({ separation }) => separation.taskId))
      if (next === null) return shown
      cursor = next
      await between(step)
    }
  }
  return { redis, prefix, queue, submitter, listing, work, submitAll, allEnded, walk }
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

test.each([1, 7, 1000])('%i at a time, a walk shows every separation once when none moves', async (limit) => {
  const { work, submitAll, submitter, allEnded, walk } = start()
  const ended = names('ended', 60)
  await submitAll(ended)
  const worker = work()
  await allEnded()
  await worker.close()
  await submitAll(names('waiting', 30))
  await Promise.all(names('expected', 10).map((taskId) => submitter.expect(taskId)))

  const shown = await walk(undefined, limit)
  expect(shown.toSorted()).toEqual([...ended, ...names('waiting', 30), ...names('expected', 10)].sort())
})

test('a walk through one status shows those that have it', async () => {
  const { work, submitAll, submitter, allEnded, walk } = start()
  await submitAll([...names('complete', 20), ...names('partial', 20)])
  const worker = work((taskId) => taskId.split('-')[0] as 'complete' | 'partial')
  await allEnded()
  await worker.close()
  await submitAll(names('waiting', 20))
  await Promise.all(names('expected', 20).map((taskId) => submitter.expect(taskId)))

  for (const status of ['complete', 'partial', 'waiting', 'expected'] as const) {
    expect((await walk(status, 3)).toSorted()).toEqual(names(status, 20).sort())
  }
  expect(await walk('downloading', 3)).toEqual([])
  expect(await walk('failed', 3)).toEqual([])
})

test('the separation that ended last comes first', async () => {
  const { work, submitAll, allEnded, walk, queue } = start()
  work()
  const tasks = names('task', 5)
  for (const taskId of tasks) {
    await submitAll([taskId])
    await allEnded()
    await waitFor(
      'a later millisecond',
      async () => Date.now() > ((await queue.getJob(`sep_${taskId}`))?.finishedOn ?? 0),
    )
  }
  expect(await walk('complete', 2)).toEqual(tasks.toReversed())
})

test('a walk misses none that is driven again and again while somebody walks', async () => {
  const { work, submitAll, submitter, allEnded, walk } = start()
  const tasks = names('task', 80)
  await submitAll(tasks)
  work()
  await allEnded()
  // Each step sends the ones that were not shown yet back to the begin of their way, and some of them stay there.
  const shown = await walk(undefined, 3, async (step) => {
    await Promise.all(tasks.slice(step, step + 40).map((taskId) => submitter.replay(taskId, async () => undefined)))
  })
  expect([...new Set(shown)].sort()).toEqual(tasks.toSorted())
})

test('those that ended before the walk, in their order, and are driven again while somebody walks, are not missed', async () => {
  const { redis, prefix, work, submitAll, submitter, allEnded, walk } = start()
  const tasks = names('task', 40)
  await submitAll(tasks)
  const worker = work()
  await allEnded()
  await worker.close()
  const longAgo = Date.now() - 3600_000
  for (const taskId of tasks) {
    await redis.zadd(`${prefix}:separations:completed`, longAgo, `sep_${taskId}`) // all in one millisecond
    await redis.hset(`${prefix}:separations:sep_${taskId}`, 'finishedOn', longAgo)
  }
  const shown = await walk(undefined, 4, async (step) => {
    if (step !== 2) return
    for (const taskId of tasks) expect(await submitter.replay(taskId, async () => undefined)).toBe('driven')
  })
  expect([...new Set(shown)].sort()).toEqual(tasks.toSorted())
})

test('a hundred thousand separations are walked through in steps that look at few', async () => {
  const { redis, prefix, walk, listing, submitter } = start()
  await submitter.submit(separationOf('needle'))
  const many = 100_000
  for (let begin = 0; begin < many; begin += 5000) {
    const pipeline = redis.pipeline()
    for (let n = begin; n < begin + 5000; n++) {
      const data = JSON.stringify({ separation: separationOf(`old-${n}`), nonce: '', run: 1 })
      const fields = {
        name: 'separation',
        data,
        finishedOn: n,
        timestamp: n,
        returnvalue: '{"status":"complete","saved":[]}',
      }
      pipeline
        .hset(`${prefix}:separations:sep_old-${n}`, fields)
        .zadd(`${prefix}:separations:completed`, n, `sep_old-${n}`)
    }
    await pipeline.exec()
  }
  const commandsOf = async (work: () => Promise<unknown>): Promise<number> => {
    const count = async () => Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1])
    const before = await count()
    await work()
    return (await count()) - before
  }
  for (const of of [undefined, 'complete', 'partial', 'waiting'] as const) {
    expect(await commandsOf(() => listing.walk(of, undefined, 50)), of).toBeLessThan(120_000)
  }
  const { separations, next } = await listing.walk(undefined, undefined, 2)
  expect(separations.map(({ separation }) => separation.taskId)).toEqual(['old-99999', 'old-99998'])
  expect(next).not.toBeNull()
  expect(await walk('waiting', 50)).toEqual(['needle'])
}, 120_000)

test.each([
  ['', 'nothing'],
  ['x', 'no cursor'],
  ['YWxs', 'half of one'],
  [Buffer.from('all.1.end.../../etc').toString('base64url'), 'no task id'],
  [Buffer.from('failed.1.end.').toString('base64url'), 'one of another status'],
])('«%s» is refused: %s', async (cursor) => {
  const { listing } = start()
  await expect(listing.walk(undefined, cursor, 10)).rejects.toThrow(CursorError)
})

test('one job that nobody can read takes no list down, and one that ended as nobody knows has failed', async () => {
  const { redis, queue, listing, work, submitAll, allEnded, walk } = start()
  work()
  await submitAll(['good', 'no-json', 'no-result', 'newer'])
  await allEnded()
  await redis.hset(queue.toKey('sep_no-json'), 'data', 'no JSON')
  await redis.hset(queue.toKey('sep_no-result'), 'returnvalue', 'no JSON')
  await redis.hset(queue.toKey('sep_newer'), 'returnvalue', '{"status":"of another version","saved":[]}')

  expect(await walk('complete', 10)).toContain('good')
  expect(await walk(undefined, 10)).toEqual(expect.arrayContaining(['good', 'newer']))
  expect((await listing.page(0, 10)).separations.map(({ separation }) => separation.taskId)).toContain('good')
  expect((await listing.find('newer'))?.status).toBe('failed')
  expect(await listing.find('no-json')).toBeUndefined()
})

test('a step through many jobs that nobody can read ends, and shows fewer', async () => {
  const { redis, queue, listing } = start()
  const ids = names('odd', 1500)
  const filled = redis.pipeline()
  for (const [index, id] of ids.entries()) {
    filled.zadd(queue.toKey('completed'), index + 1, `sep_${id}`)
    filled.hset(queue.toKey(`sep_${id}`), { name: 'separation', data: '{}', opts: '{}', timestamp: '1' })
  }
  await filled.exec()
  const { separations, next } = await listing.walk(undefined, undefined, 1)
  expect(separations).toEqual([])
  expect(next).not.toBeNull()
})
