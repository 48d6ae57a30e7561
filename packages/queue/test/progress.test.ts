import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { StemError } from '@stems/domain/errors'
import { Queue } from 'bullmq'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createProgressReader } from '../src/progress.ts'
import { connectImpatiently, connectPatiently, disconnect } from '../src/redis.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createStemsWorker } from '../src/stems-worker.ts'
import { createSubmitter } from '../src/submit.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

test('tells how stems ended, and after how many attempts, when their own jobs are forgotten', async () => {
  const prefix = `test-${randomUUID()}`
  const target = { url: inject('redisUrl') }
  const [redis, jobs] = [connectImpatiently(target, SILENT), connectPatiently(target, SILENT)]
  await once(redis, 'ready')
  const room = { redis: jobs, prefix, log: SILENT }
  const separations = createSeparationsWorker({
    ...room,
    attempts: 2,
    begin: async () => {},
    finish: async () => 'partial',
  })
  const stems = createStemsWorker({
    ...room,
    concurrency: 2,
    globalConcurrency: undefined,
    backoffMs: 1,
    save: async ({ stem, url }, { number }) => {
      if (stem === 'vocal' && number === 1) throw new StemError('interrupted', 'later', 'the file server answered 500.')
      if (stem === 'drums') throw new StemError('gone', 'never', 'the remote host answered 404.')
      const saved = { file: 'vocal.mp3', bytes: 7, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' }
      return { status: 'saved', ...saved, source_url: url, saved_at: new Date().toISOString() }
    },
  })
  const submitter = createSubmitter({ redis, prefix, deadlineMs: 5000 })
  const progress = createProgressReader(redis, prefix)
  const queue = new Queue('stems', { connection: redis, prefix })
  onTestFinished(async () => {
    await Promise.all([separations.close(), stems.close(0)])
    await queue.close()
    for (const one of [redis, jobs]) disconnect(one)
  })
  await submitter.submit({
    taskId: 'task',
    type: 'separate_vocal',
    code: 200,
    msg: '',
    receivedAt: new Date().toISOString(),
    stems: ['vocal', 'drums'].map((name) => ({ name, url: `https://file.aiquickdraw.com/${name}.mp3` })),
  })
  await waitFor('it has ended', async () => (await submitter.stateOf('task')) === 'ended')

  for (const end of ['completed', 'failed'] as const) await queue.clean(0, 10, end)
  expect(await queue.getJobCountByTypes('completed', 'failed')).toBe(0)

  expect(await progress.read('task')).toEqual([
    { stem: 'vocal', state: 'completed', bytes: 7, total: 7, attempts: 2, lastError: null },
    {
      ...{ stem: 'drums', state: 'failed', bytes: null, total: null, attempts: 1 },
      lastError: { code: 'gone', message: 'the remote host answered 404.' },
    },
  ])
})
