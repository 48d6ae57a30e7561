import { randomUUID } from 'node:crypto'
import { BusyHostError, StemError } from '@stems/domain/errors'
import { type Job, Queue } from 'bullmq'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { QUEUES, type StemJob, stemJobData, stemJobOptions } from '../src/jobs.ts'
import { connectPatiently, disconnect } from '../src/redis.ts'
import { createStemsWorker } from '../src/stems-worker.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const RECEIVED = '2026-01-01T00:00:00.000Z'
const DEADLINE = Date.parse('2026-01-15T00:00:00.000Z')
const HOUR = 3600_000

/** A worker whose clock stands still at a time before the deadline, and whose far side always fails. */
const startAt = async (leftMs: number, failure: Error) => {
  const redis = connectPatiently({ url: inject('redisUrl') }, SILENT)
  const prefix = `test-${randomUUID()}`
  const queue = new Queue<StemJob>(QUEUES.stems, { connection: redis, prefix })
  let tries = 0
  const worker = createStemsWorker({
    redis,
    prefix,
    concurrency: 1,
    globalConcurrency: undefined,
    backoffMs: 20 * HOUR,
    save: async () => {
      tries++
      throw failure
    },
    now: () => DEADLINE - leftMs,
    log: SILENT,
  })
  onTestFinished(async () => {
    await worker.close(0)
    await queue.close()
    disconnect(redis)
  })
  const stem = stemJobData(
    { taskId: 'task-1', receivedAt: RECEIVED },
    { name: 'vocal', url: 'https://far.side/v.mp3' },
  ) as StemJob
  const { id } = await queue.add('stem', stem, stemJobOptions(10))
  const job = async (): Promise<Job<StemJob>> => (await queue.getJob(id as string)) as Job<StemJob>
  const endsAs = async (state: string) => {
    await waitFor(`it is ${state}`, async () => (await (await job()).getState()) === state)
    return job()
  }
  return { endsAs, tries: () => tries }
}

const busy = () => new StemError('unavailable', 'later', 'the remote host answered 503.', { retryAfterMs: HOUR })

test('a wait that ends in time is as long as the far side wishes', async () => {
  const { endsAs } = await startAt(20 * 24 * HOUR, busy())
  const job = await endsAs('delayed')
  expect(job.delay).toBeGreaterThanOrEqual(HOUR - 1000)
  expect(job.data.receivedAt).toBe(RECEIVED)
})

test('a wait that would end after the deadline ends before it', async () => {
  const { endsAs } = await startAt(HOUR / 2, busy())
  expect((await endsAs('delayed')).delay).toBe(HOUR / 4)
})

test('after the deadline a failure is the last: gone, with what happened and why nobody tries again', async () => {
  const { endsAs, tries } = await startAt(0, busy())
  const job = await endsAs('failed')
  expect(job.failedReason).toMatch(/^gone: the remote host answered 503\. The 14 days .* are over/)
  expect(tries()).toBe(1)
})

test.each([429, 503] as const)('a host that is busy (%i) is waited for, and spends no attempt', async (status) => {
  const { endsAs } = await startAt(20 * 24 * HOUR, new BusyHostError(status, 'far.side', HOUR))
  const job = await endsAs('delayed')
  expect(job.attemptsMade).toBe(0)
  expect(job.delay).toBeGreaterThanOrEqual(HOUR - 1000)
})

test('a host that is busy for longer than the file lives is asked before that, and what it says at the end is final', async () => {
  const busyHost = new BusyHostError(429, 'far.side', HOUR)
  expect((await (await startAt(HOUR / 2, busyHost)).endsAs('delayed')).delay).toBeLessThanOrEqual(HOUR / 4)
  const { failedReason } = await (await startAt(0, busyHost)).endsAs('failed')
  expect(failedReason).toMatch(/^gone: far\.side answered 429: too many requests\. The 14 days .* are over/)
})

test('a stem whose host is paused waits for the end of the pause, spends no attempt, and is never given up', async () => {
  const paused = new BusyHostError('pause', 'far.side', HOUR)
  const job = await (await startAt(20 * 24 * HOUR, paused)).endsAs('delayed')
  expect(job.attemptsMade).toBe(0)
  expect(job.delay).toBeGreaterThanOrEqual(HOUR - 1000)
  expect((await (await startAt(HOUR / 2, paused)).endsAs('delayed')).delay).toBeLessThanOrEqual(HOUR / 4)
  await (await startAt(-HOUR, paused)).endsAs('delayed') // the host was not asked, so nothing is certain
})

test('a host that may be asked again soon is asked no sooner than after the own backoff', async () => {
  const job = await (await startAt(20 * 24 * HOUR, new BusyHostError('pause', 'far.side', 1))).endsAs('delayed')
  expect(job.delay).toBeGreaterThanOrEqual(29_000)
  expect(job.delay).toBeLessThanOrEqual(60_000)
})

test('a disk that is full is waited for after the deadline too', async () => {
  const { endsAs } = await startAt(-HOUR, new StemError('store', 'later', 'the disk is full.'))
  await endsAs('delayed')
})
