import { randomUUID } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import type { SeparationJob, SeparationResult } from '../src/jobs.ts'
import { createLibraryIndex, type ListedStatus, libraryKeys } from '../src/library-index.ts'
import type { LibraryPlace, LibraryQuery } from '../src/library-pages.ts'
import { createListing } from '../src/listing.ts'
import { reindex } from '../src/reindex.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createSubmitter } from '../src/submit.ts'
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
    await queue.close()
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
    let older: LibraryPlace | undefined
    for (let step = 1; ; step++) {
      const { items, more } = await listing.page({ of, older, limit })
      expect(items.length).toBeLessThanOrEqual(limit)
      shown.push(...items.map(({ taskId }) => taskId))
      if (!more) return shown
      older = more
      await between(step)
    }
  }
  return { redis, prefix, queue, submitter, listing, work, submitAll, allEnded, walk }
}

const savedStem = (stem: string) => ({
  ...{ status: 'saved', file: `${stem}.mp3`, bytes: 1, sha256: '0'.repeat(64), content_type: 'audio/mpeg' },
  ...{ source_url: `https://file.example/${stem}.mp3`, saved_at: new Date(0).toISOString() },
})

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
  const keys = libraryKeys(prefix)
  for (let begin = 0; begin < count; begin += 10_000) {
    const flat = Array.from({ length: Math.min(10_000, count - begin) }, (_, n) => [
      (begin + n) * 1000,
      `old-${begin + n}`,
    ])
    await redis.zadd(keys.tasks, ...flat.flat())
    await redis.hset(keys.entries, Object.fromEntries(flat.map(([, taskId]) => [taskId, 'complete 0'])))
  }
  await redis.hset(keys.counts, 'complete', count)
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

test('a filter that finds few among many goes on where its time was up, and misses none', async () => {
  const { redis, prefix, listing, walk } = await startLong(100_000)
  const index = createLibraryIndex(redis, prefix)
  for (const n of [3, 50_000, 99_998]) {
    await index.move({ taskId: `old-${n}`, receivedAt: new Date(0).toISOString(), status: 'failed' })
  }
  expect(await walk('failed', 2)).toEqual(['old-99998', 'old-50000', 'old-3'])
  expect(await listing.count()).toMatchObject({ complete: 99_997, failed: 3 })
})

test('a page begins behind a place whose separation is gone', async () => {
  const { redis, prefix, listing } = await startLong(10)
  await createLibraryIndex(redis, prefix).remove('old-5')
  const ids = async (query: Partial<LibraryQuery>) =>
    (await listing.page({ limit: 2, ...query })).items.map(({ taskId }) => taskId)
  expect(await ids({ older: [5000, 'old-5'] })).toEqual(['old-4', 'old-3'])
  expect(await ids({ newer: [5000, 'old-5'] })).toEqual(['old-7', 'old-6'])
  expect(await listing.count()).toMatchObject({ complete: 9 })
})

test('an entry tells when something about its separation has changed', async () => {
  const { redis, prefix, listing } = start()
  const index = createLibraryIndex(redis, prefix)
  const separation = { taskId: 'task-1', receivedAt: new Date(1000).toISOString() }
  await index.touch('task-1') // which is not in the index
  expect(await listing.changedAt('task-1')).toBeUndefined()
  await index.add({ ...separation, status: 'waiting' })
  const { changedAt = 0 } = (await listing.page({ limit: 1 })).items[0] ?? {}
  expect(await listing.changedAt('task-1')).toBe(changedAt)
  for (const change of [
    () => index.move({ ...separation, status: 'complete' }),
    () => index.touch('task-1'),
    () => index.move({ ...separation, status: 'complete' }),
  ]) {
    await waitFor('the clock goes on', () => Date.now() > changedAt)
    const before = await listing.changedAt('task-1')
    await waitFor('the clock goes on', () => Date.now() > (before ?? 0))
    await change()
    expect(await listing.changedAt('task-1')).toBeGreaterThan(before ?? 0)
  }
  await index.add({ ...separation, receivedAt: new Date(2000).toISOString(), status: 'failed' }) // is known
  expect((await listing.page({ limit: 1 })).items).toMatchObject([{ taskId: 'task-1', at: 1000, status: 'complete' }])
})

test('with an emptied index a callback with one more stem is accepted, and one that says nothing new is a duplicate', async () => {
  const { redis, prefix, queue, submitter, work, allEnded, listing } = start()
  const linked = (...stems: string[]) => ({
    ...linklessSeparation('task-1'),
    stems: stems.map((name) => ({ name, url: `https://file.example/${name}.mp3` })),
  })
  const worker = work()
  const stems = new Worker('stems', async ({ data: { stem } }) => ({ stem, saved: savedStem(stem) }), {
    ...{ connection: redis.duplicate(), prefix },
  })
  onTestFinished(() => stems.close())
  expect(await submitter.submit(linked('vocal'))).toBe('accepted')
  await allEnded()
  expect((await queue.getJob('sep_task-1'))?.returnvalue).toEqual({ status: 'complete', saved: ['vocal'] })

  const { tasks, entries, counts, complete } = libraryKeys(prefix)
  await redis.del(tasks, entries, counts, complete)
  expect(await submitter.submit(linked('vocal'))).toBe('duplicate')
  expect((await listing.page({ limit: 1 })).items).toEqual([]) // a repeat knows no status
  expect(await submitter.submit(linked('vocal', 'drums'))).toBe('accepted')
  await waitFor(
    'both stems are stored',
    async () => (await queue.getJob('sep_task-1'))?.returnvalue?.saved.length === 2,
  )
  expect((await listing.page({ limit: 1 })).items).toMatchObject([{ taskId: 'task-1', status: 'complete' }])
  await worker.close()
})

test('reindexing adds what is missing, changes nothing that is there, and removes nothing', async () => {
  const { redis, prefix, submitter, listing } = start()
  await submitter.submit({ ...linklessSeparation('waits'), receivedAt: new Date(3000).toISOString() })
  const at = (ms: number) => new Date(ms).toISOString()
  const store = {
    async *listFinished() {
      yield { taskId: 'waits', receivedAt: at(1), status: 'partial' as const }
      yield { taskId: 'stored', receivedAt: at(2000), status: 'partial' as const }
    },
    listOpen: async () => [{ taskId: 'begun', receivedAt: at(1000) }],
  }
  const index = createLibraryIndex(redis, prefix)
  for (let times = 0; times < 2; times++) expect(await reindex({ index, store })).toBe(3)
  const { items } = await listing.page({ limit: 10 })
  expect(items.map(({ taskId, status }) => [taskId, status])).toEqual([
    ['waits', 'waiting'],
    ['stored', 'partial'],
    ['begun', 'waiting'],
  ])
  expect(await listing.count()).toMatchObject({ waiting: 2, partial: 1 })
})

test('a job that cannot be read does not keep the others from being listed', async () => {
  const { redis, queue, listing, work, submitAll, allEnded, walk } = start()
  work()
  await submitAll(['good', 'no-json', 'no-result'])
  await allEnded()
  await redis.hset(queue.toKey('sep_no-json'), 'data', 'no JSON')
  await redis.hset(queue.toKey('sep_no-result'), 'returnvalue', 'no JSON')

  expect(await walk(undefined, 10)).toContain('good')
  expect(await listing.find('no-json')).toBeUndefined()
  expect((await listing.find('no-result'))?.status).toBe('failed')
})
