import { randomUUID } from 'node:crypto'
import { StemError } from '@stems/domain/errors'
import type { Separation } from '@stems/domain/separation'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createAmender } from '../src/amend.ts'
import type { SeparationJob, SeparationResult } from '../src/jobs.ts'
import { createRetiredJobs } from '../src/retired-jobs.ts'
import { createSeparationsWorker, type SeparationsWorkerOptions } from '../src/separations-worker.ts'
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
const start = async (options: Partial<SeparationsWorkerOptions> = {}) => {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
  const prefix = `test-${randomUUID()}`
  const room = { redis, prefix, log: silent }
  const submitter = createSubmitter({ redis, prefix, deadlineMs: 10_000 })
  const amender = createAmender({ redis, prefix, deadlineMs: 10_000 })
  const queue = new Queue<SeparationJob, SeparationResult>('separations', { connection: redis, prefix })
  const analyses = new Queue('analyses', { connection: redis, prefix })
  const seen = { finished: 0, announced: [] as number[], amended: 0, fetched: [] as string[] }
  const work = () => {
    const worker = createSeparationsWorker({
      ...room,
      attempts: 1,
      analyses: true,
      begin: async () => {},
      finish: async (_separation, outcomes) => {
        seen.finished++
        return [...outcomes.values()].every(({ status }) => status === 'saved') ? 'complete' : 'partial'
      },
      onFinished: async (_separation, run) => void seen.announced.push(run),
      ...options,
      amend: async (...given) => {
        seen.amended++
        await options.amend?.(...given)
      },
    })
    onTestFinished(() => worker.close())
    return worker
  }
  const stems = createStemsWorker({
    ...room,
    concurrency: 4,
    globalConcurrency: undefined,
    backoffMs: 1,
    save: async ({ stem, url }) => {
      seen.fetched.push(stem)
      if (url.startsWith('gone:')) throw new StemError('gone', 'never', 'the link is dead')
      const saved = { file: `${stem}.mp3`, bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' }
      return { status: 'saved', ...saved, source_url: url, saved_at: new Date().toISOString() }
    },
  })
  onTestFinished(async () => {
    await stems.close(0)
    await Promise.all([submitter.close(), amender.close(), queue.close(), analyses.close()])
    redis.disconnect()
  })
  const job = async () => {
    const found = await queue.getJob('sep_task-1')
    if (!found) throw new Error('there is no job')
    return found
  }
  const state = () => queue.getJobState('sep_task-1')
  const ended = () => waitFor('its end', async () => ((await state()) === 'completed' ? job() : undefined))
  /** Brings a separation to its end; the run that it ended with. */
  const end = async (separation: Separation) => {
    await submitter.submit(separation)
    return (await ended()).data.run
  }
  const box = () => redis.hkeys(`${prefix}:resent:task-1`)
  const emptied = () => waitFor('the box is empty', async () => (await box()).length === 0)
  return { redis, prefix, submitter, amender, queue, analyses, seen, work, job, state, ended, end, box, emptied }
}

const amended = async ({ seen, ended }: Awaited<ReturnType<typeof start>>, times: number) => {
  await waitFor(`it was amended ${times} times`, () => seen.amended >= times)
  return ended()
}

test('a separation whose stems are home is to be analysed once for each run, and one without stems is not', async () => {
  const one = await start()
  one.work()
  const run = await one.end(naming({ vocal: 'ok:1', drums: 'gone:' }))
  expect((await one.analyses.getJobs()).map(({ id, data }) => [id, data])).toEqual([
    [`an_task-1.${run}`, { taskId: 'task-1', run }],
  ])

  const other = await start()
  other.work()
  await other.end(naming({ drums: 'gone:', fx: null }))
  expect(await other.analyses.getJobs()).toEqual([])
})

test('an ended separation is driven for its manifest alone: no run, no stem, no word, no other analysis, the same end', async () => {
  const started = await start()
  const { amender, analyses, seen, work, end, emptied } = started
  work()
  const run = await end(naming({ vocal: 'ok:1', drums: 'gone:' }))
  const before = { ...seen, fetched: [...seen.fetched] }

  expect(await amender.amend({ taskId: 'task-1', run })).toBe('driven')

  const job = await amended(started, 1)
  expect(job.returnvalue).toEqual({ status: 'partial', saved: ['vocal'] })
  expect(job.data.run).toBe(run)
  expect(job.attemptsMade).toBe(1)
  expect(seen).toEqual({ ...before, amended: 1 })
  expect(await analyses.getJobs()).toHaveLength(1)
  await emptied()
})

test('what was found out of an earlier run drives nothing, nor does what belongs to no job', async () => {
  const { amender, seen, work, end, box } = await start()
  expect(await amender.amend({ taskId: 'task-1', run: 1 })).toBe('unknown')
  work()
  const run = await end(naming({ vocal: 'ok:1' }))
  expect(await amender.amend({ taskId: 'task-1', run: run - 1 })).toBe('superseded')
  expect([seen.amended, seen.finished, await box()]).toEqual([0, 1, []])
})

test('a separation that has not come to its end is left alone: it will find what there is', async () => {
  const { submitter, amender, job, work, seen, ended } = await start()
  await submitter.submit(naming({ vocal: 'ok:1' }))
  const { run } = (await job()).data
  expect(await amender.amend({ taskId: 'task-1', run })).toBe('running')
  work()
  await ended()
  expect(seen).toMatchObject({ amended: 0, finished: 1 })
})

test('a callback with news that comes while the manifest is looked at once more is not lost', async () => {
  const gate = Promise.withResolvers<void>()
  const started = await start({ amend: () => gate.promise })
  const { submitter, amender, seen, work, end, emptied } = started
  work()
  onTestFinished(() => gate.resolve()) // before the worker is closed
  const run = await end(naming({ vocal: 'ok:1' }))
  await amender.amend({ taskId: 'task-1', run })
  await waitFor('it is being amended', () => seen.amended === 1)

  const answer = submitter.submit(naming({ vocal: 'ok:1', drums: 'ok:2' }))
  await waitFor('the callback waits', async () => (await started.box()).length === 2)
  gate.resolve()

  expect(await answer).toBe('accepted')
  await waitFor('the drums were fetched', () => seen.finished === 2)
  const job = await started.ended()
  expect(job.returnvalue).toEqual({ status: 'complete', saved: ['vocal', 'drums'] })
  expect(job.data.run).toBe(run + 1)
  expect(seen.announced).toEqual([run, run + 1])
  await emptied()
})

test.each([
  ['a worker is at it', true],
  ['it waits for a worker', false],
])('a callback that is sent again for a partial separation drives it again, also while %s', async (_, isAtWork) => {
  const gate = Promise.withResolvers<void>()
  const started = await start({ amend: () => gate.promise })
  const { submitter, amender, seen, work, end, state } = started
  const worker = work()
  onTestFinished(() => gate.resolve()) // before the worker is closed
  const callback = naming({ vocal: 'ok:1', drums: 'gone:' })
  const run = await end(callback)
  if (!isAtWork) await worker.close()
  await amender.amend({ taskId: 'task-1', run })
  if (isAtWork) await waitFor('it is being amended', () => seen.amended === 1)
  expect(await state()).toBe(isAtWork ? 'active' : 'waiting')

  const answer = submitter.submit(callback)
  await waitFor('the callback waits', async () => (await started.box()).length === 2)
  gate.resolve()

  expect(await answer).toBe('accepted')
  if (!isAtWork) work()
  await waitFor('it was driven again', () => seen.finished === 2)
  expect(seen.fetched.filter((stem) => stem === 'drums')).toHaveLength(2)
  expect((await started.ended()).data.run).toBe(run + 1)
})

test('a callback that is sent again for a complete separation stays a duplicate meanwhile', async () => {
  const gate = Promise.withResolvers<void>()
  const { submitter, amender, seen, work, end } = await start({ amend: () => gate.promise })
  work()
  onTestFinished(() => gate.resolve()) // before the worker is closed
  const callback = naming({ vocal: 'ok:1' })
  const run = await end(callback)
  await amender.amend({ taskId: 'task-1', run })
  await waitFor('it is being amended', () => seen.amended === 1)
  expect(await submitter.submit(callback)).toBe('duplicate')
  expect(await submitter.submit(naming({ vocal: 'ok:another-link' }))).toBe('duplicate')
  gate.resolve()
})

test('a look at the manifest that fails is repeated, and stays no more than that', async () => {
  let failures = 1
  const started = await start({
    amend: async () => {
      if (failures-- > 0) throw new Error('the store is away')
    },
  })
  const { amender, analyses, seen, work, end } = started
  work()
  const run = await end(naming({ vocal: 'ok:1' }))
  await amender.amend({ taskId: 'task-1', run })
  const job = await amended(started, 2)
  expect(job.returnvalue).toEqual({ status: 'complete', saved: ['vocal'] })
  expect([seen.finished, job.data.run, (await analyses.getJobs()).length]).toEqual([1, run, 1])
})

test('however many ask at once, with callbacks among them, all is done and comes to rest', async () => {
  const started = await start()
  const { submitter, amender, seen, work, end, ended, emptied } = started
  work()
  work()
  const run = await end(naming({ vocal: 'ok:1' }))
  const asked = Array.from({ length: 20 }, (_, at) =>
    at % 4 === 3
      ? submitter.submit(naming({ vocal: 'ok:1', [`stem${at}`]: `ok:${at}` }))
      : amender.amend({ taskId: 'task-1', run }),
  )
  const answers = await Promise.all(asked)
  expect(answers.filter((answer) => answer === 'accepted')).toHaveLength(5)
  const names = await waitFor('all stems are home', async () => {
    const { returnvalue } = await ended()
    return returnvalue?.saved.length === 6 ? returnvalue.saved : undefined
  })
  expect(new Set(names)).toEqual(new Set(['vocal', 'stem3', 'stem7', 'stem11', 'stem15', 'stem19']))
  await emptied()
  expect(seen.amended).toBeLessThanOrEqual(15)
})

test('a separation that is being taken away is waited for, and then nobody knows it', async () => {
  const { redis, prefix, amender, work, end, seen } = await start()
  work()
  const run = await end(naming({ vocal: 'ok:1' }))
  const retired = createRetiredJobs(redis, prefix, 60_000)
  onTestFinished(() => retired.close())
  expect(await retired.hold('task-1', Date.now() + 1000)).toBe('held')
  const answer = amender.amend({ taskId: 'task-1', run })
  await retired.forget('task-1')
  expect(await answer).toBe('unknown')
  expect(seen.amended).toBe(0)
})
