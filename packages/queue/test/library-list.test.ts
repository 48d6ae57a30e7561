import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import type { SeparationJob, SeparationResult } from '../src/jobs.ts'
import { createLibraryFill } from '../src/library-fill.ts'
import { createLibraryNotes, type ListedStatus } from '../src/library-notes.ts'
import type { LibraryPlace, LibraryQuery } from '../src/library-pages.ts'
import { createListing } from '../src/listing.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createSubmitter } from '../src/submit.ts'
import { CursorError } from '../src/walk-cursor.ts'
import { linklessSeparation } from './separations.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

const start = (url = inject('redisUrl')) => {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
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
  const submitAll = (taskIds: string[]) =>
    Promise.all(taskIds.map((taskId) => submitter.submit(linklessSeparation(taskId))))
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
      const { items, next } = await listing.walk(of, cursor, limit)
      expect(items.length).toBeLessThanOrEqual(limit)
      shown.push(...items.map(({ taskId }) => taskId))
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

test('the newest comes first, and keeps its place whatever becomes of it', async () => {
  const { submitter, work, allEnded, walk } = start()
  const tasks = names('task', 5)
  for (const [index, taskId] of tasks.entries()) {
    await submitter.submit({ ...linklessSeparation(taskId), receivedAt: new Date(1000 + index).toISOString() })
  }
  expect(await walk(undefined, 2)).toEqual(tasks.toReversed())
  work()
  await allEnded()
  expect(await walk('complete', 2)).toEqual(tasks.toReversed())
  await submitter.replay('task-0', async () => undefined)
  expect(await walk('expected', 2)).toEqual(['task-0'])
  expect(await walk(undefined, 2)).toEqual(tasks.toReversed())
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

test('those of one millisecond are walked through in one order, and none is missed', async () => {
  const { submitter, walk } = start()
  const receivedAt = new Date(1000).toISOString()
  await Promise.all(names('task', 40).map((taskId) => submitter.submit({ ...linklessSeparation(taskId), receivedAt })))
  for (const limit of [1, 3, 40]) expect(await walk(undefined, limit)).toEqual(names('task', 40).sort().reverse())
})

/** A list as if so many separations had come, a second apart. */
const startLong = async (count: number, url = inject('redisUrl')) => {
  const started = start(url)
  const { redis, prefix } = started
  for (let begin = 0; begin < count; begin += 10_000) {
    const flat = Array.from({ length: Math.min(10_000, count - begin) }, (_, n) => [
      (begin + n) * 1000,
      `old-${begin + n}`,
    ])
    await redis.zadd(`${prefix}:library:complete`, ...flat.flat())
  }
  return started
}

test('any page of a hundred thousand separations costs the same few commands', async () => {
  const server = await startRedisServer() // whose commands are counted, and nobody else gives it any
  onTestFinished(server.close)
  const { redis, listing, submitter, walk } = await startLong(100_000, server.url)
  await submitter.submit(linklessSeparation('needle'))
  const commandsOf = async (work: () => Promise<unknown>): Promise<number> => {
    const count = async () => Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1])
    const before = await count()
    await work()
    return (await count()) - before
  }
  const middle: LibraryPlace = [50_000_000, 'old-50000']
  for (const query of [{}, { of: 'complete' }, { older: middle }, { newer: middle }, { of: 'waiting' }] as const) {
    expect(await commandsOf(() => listing.page({ ...query, limit: 50 })), JSON.stringify(query)).toBeLessThan(20)
  }
  expect((await listing.page({ limit: 2 })).items.map(({ taskId }) => taskId)).toEqual(['needle', 'old-99999'])
  expect((await listing.page({ older: middle, limit: 2 })).items.map(({ taskId }) => taskId)).toEqual([
    'old-49999',
    'old-49998',
  ])
  expect((await listing.page({ newer: middle, limit: 2 })).items.map(({ taskId }) => taskId)).toEqual([
    'old-50002',
    'old-50001',
  ])
  expect(await walk('waiting', 50)).toEqual(['needle'])
  expect(await listing.count()).toMatchObject({ complete: 100_000, waiting: 1 })
})

test('a search finds ids by any part of them, in whatever case, however old they are', async () => {
  const { listing, submitter } = await startLong(100_000)
  await submitter.submit(linklessSeparation('Needle_9999'))
  const search = async (text: string, query: Partial<LibraryQuery> = {}) => {
    const found: string[] = []
    let older: LibraryPlace | undefined
    do {
      const { items, more } = await listing.page({ search: text, limit: 5, older, ...query })
      found.push(...items.map(({ taskId }) => taskId))
      older = more
    } while (older)
    return found
  }
  expect(await search('needle')).toEqual(['Needle_9999'])
  expect(await search('D-1234')).toEqual([...[9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => `old-1234${n}`), 'old-1234'])
  expect(await search('old-0')).toEqual(['old-0'])
  expect(await search('9999', { of: 'waiting' })).toEqual(['Needle_9999'])
  expect(await search('nothing of the kind')).toEqual([])
})

test('whoever looks again is told what has changed since, and to look at all where nobody remembers', async () => {
  const { listing, submitter, work, allEnded, redis, prefix } = start()
  const first = await listing.changesSince(undefined)
  expect(first.tasks).toBe('all')
  await submitter.submit(linklessSeparation('task-1'))
  const { last } = await listing.changesSince(undefined)
  expect(await listing.changesSince(last)).toEqual({ tasks: new Set(), last })
  await submitter.submit(linklessSeparation('task-2'))
  work()
  await allEnded()
  const { tasks, last: newest } = await listing.changesSince(last)
  expect(tasks).toEqual(new Set(['task-1', 'task-2']))
  expect(await listing.changesSince(newest)).toEqual({ tasks: new Set(), last: newest })

  const notes = createLibraryNotes(redis, prefix)
  for (let n = 0; n < 3000; n++) await notes.move('task-1', new Date().toISOString(), 'complete')
  expect((await listing.changesSince(newest)).tasks).toBe('all')
  expect(await redis.xlen(`${prefix}:library:changes`)).toBeLessThan(1500)
  await redis.del(`${prefix}:library:changes`)
  expect((await listing.changesSince(newest)).tasks).toBe('all')
})

test('a list that begins late is filled with what the queue and somebody else remember, and changes no note', async () => {
  const { redis, prefix, submitter, submitAll, work, allEnded, listing } = start()
  await submitAll(['ended-1', 'ended-2'])
  const worker = work()
  await allEnded()
  await worker.close()
  await submitAll(['waiting-1', 'waiting-2'])
  await submitter.expect('expected-1')
  await redis.del(...['complete', 'waiting', 'expected'].map((status) => `${prefix}:library:${status}`))
  await createLibraryNotes(redis, prefix).add('waiting-2', new Date().toISOString(), 'downloading')

  const fill = createLibraryFill(redis, prefix)
  onTestFinished(() => fill.close())
  expect(await listing.isFilled()).toBe(false)
  const turn = await fill.takeTurn()
  if (!turn) throw new Error('somebody else fills it')
  expect(turn).toMatchObject({ what: 'all', since: 0 })
  expect(await fill.takeTurn()).toBeUndefined()
  await fill.fromQueue(turn)
  await fill.addAll([
    { taskId: 'stored-1', receivedAt: new Date(0).toISOString(), status: 'partial' },
    { taskId: 'ended-1', receivedAt: new Date(0).toISOString(), status: 'failed' },
  ])
  await fill.finish(turn)
  expect([await listing.isFilled(), await fill.takeTurn()]).toEqual([true, undefined])
  const { items } = await listing.page({ limit: 10 })
  expect(Object.fromEntries(items.map(({ taskId, status }) => [taskId, status]))).toEqual({
    'ended-1': 'complete',
    'ended-2': 'complete',
    'waiting-1': 'waiting',
    'waiting-2': 'downloading',
    'expected-1': 'expected',
    'stored-1': 'partial',
  })
})

test('what an older version has done since is found an hour later, and everything after two weeks without anybody', async () => {
  const { redis, prefix, submitAll, work, allEnded, listing } = start()
  const fill = createLibraryFill(redis, prefix)
  onTestFinished(() => fill.close())
  const hoursAgo = (hours: number) => ({ startedAt: Date.now() - hours * 3600_000 })
  await fill.finish(hoursAgo(0.9))
  expect(await fill.takeTurn()).toBeUndefined()
  await fill.finish(hoursAgo(15 * 24))
  const long = await fill.takeTurn()
  expect(long?.what).toBe('all')
  if (long) await fill.giveTurnBack(long)

  work()
  await submitAll(['before', 'since'])
  await allEnded()
  await redis.zadd(`${prefix}:separations:completed`, Date.now() - 10 * 3600_000, 'sep_before')
  await redis.del(`${prefix}:library:complete`) // neither was noted
  await submitAll(['waiting'])
  await fill.finish(hoursAgo(2))
  const turn = await fill.takeTurn()
  if (turn?.what !== 'lately') throw new Error('it is not the time of what happened lately')
  await fill.fromQueue(turn)
  const listed = (await listing.page({ limit: 10 })).items.map(({ taskId }) => taskId)
  expect(listed).toContain('since')
  expect(listed).not.toContain('before')
})

test('a note of what was seen changes nothing that has moved on since', async () => {
  const { listing, submitter } = start()
  await submitter.submit(linklessSeparation('task-1'))
  const [item] = (await listing.page({ limit: 1 })).items
  if (!item) throw new Error('nothing is listed')
  await listing.correct(item, 'complete')
  await listing.correct(item, 'partial') // somebody who had seen it waiting, and comes late
  expect((await listing.page({ limit: 1 })).items).toEqual([{ ...item, status: 'complete' }])
  await listing.correct(item, undefined)
  expect((await listing.page({ limit: 1 })).items).toEqual([])
})

test.each([
  ['', 'nothing'],
  ['x', 'no cursor'],
  ['YWxs', 'half of one'],
  [Buffer.from('all.1.../../etc').toString('base64url'), 'no task id'],
  [Buffer.from('failed.1.task').toString('base64url'), 'one of another status'],
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

  expect(await walk(undefined, 10)).toEqual(expect.arrayContaining(['good', 'newer']))
  expect((await listing.find('newer'))?.status).toBe('failed')
  expect(await listing.find('no-json')).toBeUndefined()
})
