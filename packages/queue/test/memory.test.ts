import { randomUUID } from 'node:crypto'
import { StemError } from '@stems/domain/errors'
import type { Separation } from '@stems/domain/separation'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { memoryOf } from '../../../bench/parts/redis-memory.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { connectImpatiently, connectPatiently, disconnect } from '../src/redis.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createStemsWorker } from '../src/stems-worker.ts'
import { createSubmitter } from '../src/submit.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const HOW_MANY = 8

// docs/scaling.md tells these bounds: change them together.
const KIB = 1024
const BOUND = { usual: 12 * KIB, usualWithStems: 40 * KIB, perPayloadByte: 4, perStem: KIB, each: 4 * KIB }

const NAMES = 'vocal backing_vocals drums bass guitar keyboard percussion strings synth fx brass woodwinds'.split(' ')

const separationOf = (taskId: string, linkOf: (name: string) => string, names = NAMES): Separation => ({
  taskId,
  type: 'split_stem',
  code: 200,
  msg: 'vocal separation generated successfully.',
  receivedAt: new Date().toISOString(),
  stems: names.map((name) => ({ name, url: linkOf(name) })),
})

/** Brings many of a kind to their end, and tells what each of them takes in Redis' memory, all keys counted. */
const fill = async (make: (taskId: string) => Separation, { fails = false } = {}) => {
  const prefix = `test-${randomUUID()}`
  const target = { url: inject('redisUrl') }
  const [redis, jobs] = [connectImpatiently(target, SILENT), connectPatiently(target, SILENT)]
  const admin = new Redis(target.url)
  const room = { redis: jobs, prefix, log: SILENT }
  await admin.ping()
  const submitter = createSubmitter({ redis: jobs, prefix, deadlineMs: 30_000 })
  const [separations, stemsQueue] = ['separations', 'stems'].map(
    (name) => new Queue(name, { connection: jobs, prefix }),
  )
  const workers = [
    createSeparationsWorker({ ...room, attempts: 10, begin: async () => {}, finish: async () => 'complete' }),
    createStemsWorker({
      ...room,
      concurrency: 16,
      globalConcurrency: undefined,
      backoffMs: 1,
      save: async ({ stem, url }) => {
        if (fails) throw new StemError('gone', 'never', `the remote host answered 404 to ${url.slice(0, 60)}.`)
        const saved = { file: `${stem}.mp3`, bytes: 6_000_000, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' }
        return { status: 'saved', ...saved, source_url: url, saved_at: new Date().toISOString() }
      },
    }),
  ]
  onTestFinished(async () => {
    await Promise.all(workers.map((worker) => worker.close(0)))
    await Promise.all([separations?.close(), stemsQueue?.close()])
    for (const one of [redis, jobs, admin]) disconnect(one)
  })
  for (let index = 0; index < HOW_MANY; index += 1) await submitter.submit(make(`task-${randomUUID()}`))
  await waitFor('all have ended', async () => (await separations?.getCompletedCount()) === HOW_MANY)
  const measure = async () => {
    // The stream of events is bounded by itself, and no separation's.
    await admin.del(`${prefix}:stems:events`, `${prefix}:separations:events`)
    return (await memoryOf(admin, `${prefix}:*`)).bytes / HOW_MANY
  }
  const withStems = await measure()
  for (const end of ['completed', 'failed'] as const) await stemsQueue?.clean(0, 100_000, end) // as the workers do, later
  return { withStems, afterwards: await measure() }
}

const usualLink = (name: string) => `https://file.aiquickdraw.com/s/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_${name}.mp3`

test('a finished separation of 12 stems takes at most what docs/scaling.md says, with the jobs of its stems and without', async () => {
  const { withStems, afterwards } = await fill((taskId) => separationOf(taskId, usualLink))
  if (process.env.SHOW_MEMORY) console.log({ withStems, afterwards })
  expect(withStems).toBeLessThan(BOUND.usualWithStems)
  expect(afterwards).toBeLessThan(BOUND.usual)
})

const longLink = (name: string, length: number, part: string) =>
  `https://file.aiquickdraw.com/${name}${part}`.padEnd(length, 'x')

test.each([
  ['12 stems with links of 20 KiB', 12, (name: string) => longLink(name, 20 * KIB, '/'), false],
  ['12 stems with secrets of 20 KiB in their links', 12, (name: string) => longLink(name, 20 * KIB, '?s='), false],
  ['500 stems', 500, (name: string) => longLink(name, 100, '/'), false],
  ['500 stems of which none can be saved', 500, (name: string) => longLink(name, 100, '/'), true],
])('however much a callback says, what it leaves is in proportion: %s', async (_, count, linkOf, fails) => {
  const names = Array.from({ length: count }, (_value, index) => `stem-${index}`)
  const make = (taskId: string) => separationOf(taskId, linkOf, names)
  const payload = JSON.stringify(make('task')).length
  expect(payload).toBeLessThan(260 * KIB) // what ingress takes
  const { withStems, afterwards } = await fill(make, { fails })
  if (process.env.SHOW_MEMORY) console.log(_, { payload, withStems, afterwards, perByte: afterwards / payload })
  expect(afterwards).toBeLessThan(BOUND.perPayloadByte * payload + BOUND.perStem * count + BOUND.each)
  expect(afterwards).toBeLessThan(withStems)
})
