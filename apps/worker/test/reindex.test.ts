import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildManifest } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import { createLibraryIndex, libraryKeys } from '@stems/queue/library-index'
import { createListing } from '@stems/queue/listing'
import { awaitReady, connectPatiently, disconnect } from '@stems/queue/redis'
import { createFileStore } from '@stems/store/file-store'
import type { StemStore } from '@stems/store/stem-store'
import { createLog } from '@stems/telemetry/log'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startReindex } from '../src/reindex.ts'

const log = createLog('test', 'silent')

const start = async () => {
  const root = await mkdtemp(join(tmpdir(), 'reindex-store-'))
  const redis = connectPatiently({ url: inject('redisUrl') }, log)
  await awaitReady(redis, 20_000)
  const prefix = `test-${randomUUID()}`
  const store = createFileStore(root)
  const listing = createListing({ redis, prefix, deadlineMs: 20_000 })
  onTestFinished(async () => {
    disconnect(redis)
    await rm(root, { recursive: true, force: true })
  })
  const separationOf = (taskId: string, receivedAt: string): Separation => ({
    ...{ taskId, type: 'unknown', code: 200, msg: '', receivedAt, stems: [] },
  })
  const keep = (taskId: string, receivedAt = new Date().toISOString()) =>
    store.writeManifest(buildManifest(separationOf(taskId, receivedAt), new Map(), new Date().toISOString()))
  const run = (from: Pick<StemStore, 'listFinished'> = store) => {
    const { close } = startReindex({ redis, store: { ...store, ...from }, prefix, everyMs: 50, log })
    onTestFinished(close)
    return close
  }
  const listed = async () =>
    (await listing.page({ limit: 10 })).items.map(({ taskId, status }) => `${taskId} ${status}`)
  return { redis, prefix, store, listing, index: createLibraryIndex(redis, prefix), separationOf, keep, run, listed }
}

test('a new Redis gets the index of everything in the store, in the order in which it was received', async () => {
  const { store, listing, separationOf, keep, run, listed } = await start()
  for (const n of [2, 3, 1]) await keep(`task-${n}`, new Date(n * 1000).toISOString())
  await store.noteOpen(separationOf('begun', new Date(4000).toISOString()))
  run()
  await expect.poll(listing.isComplete).toBe(true)
  expect(await listed()).toEqual(['begun waiting', 'task-3 failed', 'task-2 failed', 'task-1 failed'])
})

test('a Redis that is older than the checkpoint in the store gets what it has missed, and keeps what it has', async () => {
  const { redis, prefix, index, store, keep, run, listed } = await start()
  await keep('before')
  const stop = run()
  await expect.poll(listed).toEqual(['before failed'])
  await expect.poll(store.readCheckpoint).toBeDefined()
  await stop()
  const backup = await redis.get(libraryKeys(prefix).complete)
  // What a backup does not have: a separation that has finished since, and the time of the last check.
  await keep('since', new Date(Date.now() + 1000).toISOString())
  await index.move({ taskId: 'before', receivedAt: new Date().toISOString(), status: 'downloading' })
  await store.writeCheckpoint(new Date(Date.parse(backup ?? '') + 1).toISOString())
  run()
  await expect.poll(listed).toEqual(['since failed', 'before downloading'])
})

test('an index that is complete is not read from the store again', async () => {
  const { index, store, keep, run, listed } = await start()
  await keep('task-1')
  const now = new Date().toISOString()
  await index.markComplete(now)
  await store.writeCheckpoint(now)
  let reads = 0
  run({
    async *listFinished(olderThanMs) {
      reads++
      yield* store.listFinished(olderThanMs)
    },
  })
  await expect.poll(store.readCheckpoint).not.toBe(now) // it has checked
  expect([reads, await listed()]).toEqual([0, []])
})

test('a store that fails is read again from the start', async () => {
  const { store, listing, keep, run, listed } = await start()
  await keep('task-1')
  let failures = 3
  run({
    async *listFinished(olderThanMs) {
      if (failures-- > 0) throw new Error('the store is away')
      yield* store.listFinished(olderThanMs)
    },
  })
  await expect.poll(listing.isComplete).toBe(true)
  expect(failures).toBe(-1)
  expect(await listed()).toEqual(['task-1 failed'])
})
