import { randomUUID } from 'node:crypto'
import { StemError } from '@stems/domain/errors'
import type { Separation } from '@stems/domain/separation'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createStemsWorker } from '../src/stems-worker.ts'
import { createSubmitter } from '../src/submit.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

const naming = (stems: Record<string, string | null>): Separation => ({
  taskId: 'task-1',
  type: 'split_stem',
  code: 200,
  msg: 'done',
  receivedAt: new Date().toISOString(),
  stems: Object.entries(stems).map(([name, url]) => ({ name, url })),
})

/** A queue with its workers; links that begin with `gone:` cannot be saved. */
const start = async ({ finishing = async () => {} }: { finishing?: () => Promise<void> } = {}) => {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
  const submitRedis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
  const prefix = `test-${randomUUID()}`
  const room = { redis, prefix, log: silent }
  const submitter = createSubmitter({ redis: submitRedis, prefix, deadlineMs: 10_000 })
  const queue = new Queue('separations', { connection: redis, prefix })
  const analyses = new Queue('analyses', { connection: redis, prefix })
  const fetched: string[] = []
  const separations = createSeparationsWorker({
    ...room,
    attempts: 1,
    analyses: true,
    begin: async () => {},
    finish: async (_separation, outcomes) => {
      await finishing()
      return [...outcomes.values()].every(({ status }) => status === 'saved') ? 'complete' : 'partial'
    },
  })
  const stems = createStemsWorker({
    ...room,
    concurrency: 4,
    globalConcurrency: undefined,
    backoffMs: 1,
    save: async ({ stem, url }) => {
      fetched.push(stem)
      if (url.startsWith('gone:')) throw new StemError('gone', 'never', 'the link is dead')
      const saved = { file: `${stem}.mp3`, bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' }
      return { status: 'saved', ...saved, source_url: url, saved_at: new Date().toISOString() }
    },
  })
  onTestFinished(async () => {
    await separations.close()
    await stems.close(0)
    await Promise.all([queue.close(), analyses.close()])
    redis.disconnect()
    submitRedis.disconnect()
  })
  const ended = () =>
    waitFor('its end', async () =>
      (await queue.getJobState('sep_task-1')) === 'completed' ? queue.getJob('sep_task-1') : undefined,
    )
  return { submitter, submitRedis, analyses, fetched, ended }
}

test('a separation with saved stems is analyzed once for each run, and one without is not', async () => {
  const one = await start()
  await one.submitter.submit(naming({ vocal: 'ok:1', drums: 'gone:' }))
  const { run } = (await one.ended()).data
  expect((await one.analyses.getJobs()).map(({ id, data }) => [id, data])).toEqual([
    [`an_task-1.${run}`, { taskId: 'task-1', run }],
  ])

  const other = await start()
  await other.submitter.submit(naming({ drums: 'gone:', fx: null }))
  await other.ended()
  expect(await other.analyses.getJobs()).toEqual([])
})

test.each([
  ['partial', 'gone:', 'accepted', 2],
  ['complete', 'ok:2', 'duplicate', 1],
])('a callback that is sent again while its job completes as %s is judged by that result', async (...row) => {
  const [, drums, answer, timesFetched] = row
  const [finishing, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const { submitter, submitRedis, fetched, ended } = await start({
    finishing: () => {
      finishing.resolve()
      return release.promise
    },
  })
  onTestFinished(() => release.resolve()) // before the worker is closed
  const callback = naming({ vocal: 'ok:1', drums })
  await submitter.submit(callback)
  await finishing.promise

  // The job is read while it runs, and has completed before its state is read.
  const { hgetall } = submitRedis
  submitRedis.hgetall = (async (...key: Parameters<typeof hgetall>) => {
    submitRedis.hgetall = hgetall
    const job = await hgetall.apply(submitRedis, key)
    expect(job).not.toHaveProperty('returnvalue')
    release.resolve()
    await ended()
    return job
  }) as typeof hgetall

  expect(await submitter.submit({ ...callback, receivedAt: new Date().toISOString() })).toBe(answer)
  await waitFor('all has come to rest', ended)
  expect(fetched.filter((stem) => stem === 'drums')).toHaveLength(timesFetched)
})
