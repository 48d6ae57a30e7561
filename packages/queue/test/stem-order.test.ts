import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BusyHostError, StemError } from '@stems/domain/errors'
import { Queue } from 'bullmq'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { QUEUES, type StemJob, stemJobOptions } from '../src/jobs.ts'
import { connectPatiently, disconnect } from '../src/redis.ts'
import { createStemsWorker } from '../src/stems-worker.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

/** A worker that takes stems one by one, and a list of what it has taken. */
const startTaking = async (jobs: { stem: string; priority: number }[], failures: Record<string, Error[]> = {}) => {
  const redis = connectPatiently({ url: inject('redisUrl') }, SILENT)
  const prefix = `test-${randomUUID()}`
  const queue = new Queue<StemJob>(QUEUES.stems, { connection: redis, prefix })
  for (const { stem, priority } of jobs) {
    const data = { taskId: 'task-1', stem, url: 'https://far.side/x.mp3', receivedAt: new Date().toISOString() }
    await queue.add('stem', data, { ...stemJobOptions(10), jobId: `sep_task-1.1.${stem}`, priority })
  }
  const taken: string[] = []
  const worker = createStemsWorker({
    redis,
    prefix,
    concurrency: 1,
    globalConcurrency: undefined,
    backoffMs: 1,
    save: async ({ stem, url }) => {
      taken.push(stem)
      const failure = failures[stem]?.shift()
      if (failure) throw failure
      await sleep(20)
      const saved = {
        status: 'saved',
        file: 'x.mp3',
        bytes: 1,
        sha256: 'a'.repeat(64),
        content_type: 'audio/mpeg',
      } as const
      return { ...saved, source_url: url, saved_at: new Date().toISOString() }
    },
    log: SILENT,
  })
  onTestFinished(async () => {
    await worker.close(0)
    await queue.close()
    disconnect(redis)
  })
  await waitFor('all are home', async () => (await queue.getCompletedCount()) === jobs.length)
  return { taken, queue }
}

const many = (priority: number) => Array.from({ length: 60 }, (_, nth) => ({ stem: `other_${nth}`, priority }))

test('the lower its number, the earlier a stem is taken; those of a number in their order; one without a number first', async () => {
  const { taken } = await startTaking([
    { stem: 'late', priority: 9 },
    { stem: 'first_of_two', priority: 5 },
    { stem: 'second_of_two', priority: 5 },
    { stem: 'of_an_older_version', priority: 0 },
  ])
  expect(taken).toEqual(['of_an_older_version', 'first_of_two', 'second_of_two', 'late'])
})

test('a stem whose host was paused, or that failed, keeps its place before all that come later', async () => {
  const failures = {
    early: [
      new BusyHostError('pause', 'far.side', 1),
      new StemError('network', 'later', 'the connection was cut.'),
      new StemError('store', 'later', 'the disk is full.'),
    ],
  }
  const { taken, queue } = await startTaking([{ stem: 'early', priority: 2 }, ...many(7)], failures)
  expect(taken.filter((stem) => stem === 'early')).toHaveLength(4)
  expect(taken.lastIndexOf('early')).toBeLessThan(30)
  const job = await queue.getJob('sep_task-1.1.early')
  expect([job?.priority, job?.attemptsMade]).toEqual([2, 2]) // one of two for what failed, the other for what succeeded
})
