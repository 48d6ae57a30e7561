import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createAnalysesWorker } from '../src/analyses-worker.ts'
import { type AnalysisJob, type AnalysisResult, analysisJobOptions } from '../src/jobs.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

const start = async (analyse: (job: AnalysisJob, signal: AbortSignal) => Promise<AnalysisResult>) => {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
  const prefix = `test-${randomUUID()}`
  const queue = new Queue<AnalysisJob, AnalysisResult>('analyses', { connection: redis, prefix })
  const work = () => {
    const worker = createAnalysesWorker({ redis, prefix, analyse, log: silent })
    onTestFinished(() => worker.close())
    return worker
  }
  onTestFinished(async () => {
    await queue.close()
    redis.disconnect()
  })
  const add = (run: number) => {
    const data = { taskId: 'task-1', run }
    return queue.add('analysis', data, { ...analysisJobOptions(data), backoff: 1 })
  }
  const job = async (run: number) => queue.getJob(`an_task-1.${run}`)
  return { queue, work, add, job }
}

test('the newest is looked at first, one that was added twice once, and one that fails again', async () => {
  const seen: number[] = []
  const { work, add, job } = await start(async ({ run }) => {
    seen.push(run)
    if (run === 2 && seen.filter((each) => each === 2).length === 1) throw new Error('the store is away')
    return { analysed: 1 }
  })
  for (const run of [1, 1, 2]) await add(run)
  work()
  await waitFor('both are done', async () => (await job(1))?.finishedOn && (await job(2))?.returnvalue)
  expect(seen).toEqual([2, 1, 2])
})

test('a worker that leaves hands back what it is at, at once and without an attempt spent', async () => {
  const started: AbortSignal[] = []
  const { queue, work, add, job } = await start(async (_job, signal) => {
    started.push(signal)
    if (started.length > 1) return { analysed: 1 }
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  await add(1)
  const worker = work()
  await waitFor('it is begun', () => started.length === 1)

  await worker.close()
  await worker.close()

  expect(await queue.getJobState('an_task-1.1')).toBe('waiting')
  work()
  await waitFor('another has done it', async () => (await job(1))?.returnvalue)
  const done = await job(1)
  expect([done?.attemptsMade, done?.failedReason]).toEqual([1, undefined])
})
