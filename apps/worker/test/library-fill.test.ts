import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildManifest } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import { createListing } from '@stems/queue/listing'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { createFileStore } from '@stems/store/file-store'
import type { StemStore } from '@stems/store/stem-store'
import { createLog } from '@stems/telemetry/log'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startLibraryFill } from '../src/library-fill.ts'

const log = createLog('test', 'silent')

const start = async () => {
  const root = await mkdtemp(join(tmpdir(), 'fill-store-'))
  const redis = connectImpatiently({ url: inject('redisUrl') }, log)
  const prefix = `test-${randomUUID()}`
  const store = createFileStore(root)
  const listing = createListing({ redis, prefix, deadlineMs: 5000 })
  onTestFinished(async () => {
    await listing.close()
    disconnect(redis)
    await rm(root, { recursive: true, force: true })
  })
  const keep = async (taskId: string, receivedAt: string) => {
    const separation: Separation = { taskId, type: 'unknown', code: 200, msg: '', receivedAt, stems: [] }
    await store.writeManifest(buildManifest(separation, new Map(), new Date().toISOString()))
  }
  const fill = (from: Pick<StemStore, 'listFinished'> = store) => {
    const { close } = startLibraryFill({ redis, store: from, prefix, everyMs: 50, log })
    onTestFinished(close)
    return close
  }
  await expect.poll(() => redis.status).toBe('ready')
  return { store, listing, keep, fill }
}

test('a store whose Redis was lost is listed again, in the order in which its separations came', async () => {
  const { listing, keep, fill } = await start()
  for (const n of [2, 3, 1]) await keep(`task-${n}`, new Date(n * 1000).toISOString())
  fill()
  await expect.poll(listing.isFilled).toBe(true)
  const { items } = await listing.page({ limit: 10 })
  expect(items.map(({ taskId, status }) => [taskId, status])).toEqual([
    ['task-3', 'failed'],
    ['task-2', 'failed'],
    ['task-1', 'failed'],
  ])
})

test('a store that fails leaves the list to be filled later', async () => {
  const { store, listing, keep, fill } = await start()
  await keep('task-1', new Date().toISOString())
  let failures = 3
  fill({
    async *listFinished(olderThanMs) {
      if (failures-- > 0) throw new Error('the store is away')
      yield* store.listFinished(olderThanMs)
    },
  })
  await expect.poll(listing.isFilled).toBe(true)
  expect(failures).toBe(-1)
  expect((await listing.page({ limit: 10 })).items).toHaveLength(1)
})
