import { randomUUID } from 'node:crypto'
import type { Separation } from '@stems/domain/separation'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import type { Told } from '../src/awaiting.ts'
import type { SeparationJob, SeparationResult } from '../src/jobs.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createSubmitter } from '../src/submit.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

// Separations without a link: nothing is to be fetched, so that no worker for stems is needed.
const said = (taskId: string, msg: string, code = 531): Separation => ({
  taskId,
  type: 'unknown',
  code,
  msg,
  receivedAt: new Date().toISOString(),
  stems: [{ name: 'vocal', url: null }],
})

const start = async (answers: (question: number) => Promise<Told> | Told, { everyMs = 20, canAsk = false } = {}) => {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
  const prefix = `test-${randomUUID()}`
  const submitter = createSubmitter({ redis, prefix, deadlineMs: 5000 })
  const queue = new Queue<SeparationJob, SeparationResult>('separations', { connection: redis, prefix })
  const asked: string[] = []
  const finished: Separation[] = []
  const work = () => {
    const worker = createSeparationsWorker({
      redis,
      prefix,
      attempts: 1,
      awaiting: {
        everyMs,
        canAsk,
        ask: async (taskId) => {
          asked.push(taskId)
          return answers(asked.length)
        },
      },
      begin: async () => {},
      finish: async (separation) => {
        finished.push(separation)
        return 'failed'
      },
      log: silent,
    })
    onTestFinished(() => worker.close())
    return worker
  }
  onTestFinished(async () => {
    await queue.close()
    redis.disconnect()
  })
  const job = async (taskId: string) => queue.getJob(`sep_${taskId}`)
  const state = (taskId: string) => queue.getJobState(`sep_${taskId}`)
  const ended = (taskId: string) =>
    waitFor(`the end of ${taskId}`, async () => ((await state(taskId)) === 'completed' ? job(taskId) : undefined))
  return { submitter, work, asked, finished, job, state, ended }
}

const pending: Told = { kind: 'pending' }

test('a registered task is asked for until the provider tells, and then goes its usual way without an attempt spent', async () => {
  const { submitter, work, asked, finished, ended } = await start((question) =>
    question < 4 ? pending : { kind: 'told', separation: said('task-1', 'told by the record') },
  )
  work()
  expect(await submitter.expect('task-1')).toBe('expected')

  const job = await ended('task-1')

  expect(asked).toEqual(['task-1', 'task-1', 'task-1', 'task-1'])
  expect(finished).toMatchObject([{ taskId: 'task-1', msg: 'told by the record' }])
  expect(job.attemptsMade).toBe(1) // the one that ended it
  expect(job.data).toMatchObject({ confirmedBy: 'always' })
  expect(job.data).not.toHaveProperty('awaited')
})

test('registering again changes nothing, and a task whose callback has come is known', async () => {
  const { submitter, job } = await start(() => pending)
  expect(await submitter.expect('task-1')).toBe('expected')
  const { run } = (await job('task-1'))?.data ?? {}

  expect(await submitter.expect('task-1')).toBe('expected')
  expect((await job('task-1'))?.data.run).toBe(run)

  await submitter.submit(said('task-2', 'a callback'))
  expect(await submitter.expect('task-2')).toBe('known')
})

test('a callback wakes the waiting job at once and is taken as it came; the provider is not asked', async () => {
  const { submitter, work, asked, finished, state, ended } = await start(() => pending, { everyMs: 3_600_000 })
  work()
  await submitter.expect('task-1')
  await waitFor('the wait', async () => (await state('task-1')) === 'delayed')

  expect(await submitter.submit(said('task-1', 'the callback'))).toBe('accepted')

  await ended('task-1')
  expect(asked).toEqual([])
  expect(finished).toMatchObject([{ msg: 'the callback', code: 531 }])
})

test('a callback that was received before the task was registered is not lost behind the registration', async () => {
  const { submitter, work, finished, ended } = await start(() => pending, { everyMs: 3_600_000 })
  work()
  const early = { ...said('task-1', 'from the spool'), receivedAt: '2026-01-01T00:00:00.000Z' }
  await submitter.expect('task-1')
  await submitter.submit(early)

  await ended('task-1')
  expect(finished).toMatchObject([{ msg: 'from the spool', stems: [{ name: 'vocal' }] }])
})

test('a callback that comes while the provider is being asked is neither lost nor done twice', async () => {
  const { promise: answer, resolve } = Promise.withResolvers<Told>()
  const { submitter, work, asked, finished, ended } = await start(() => answer)
  work()
  await submitter.expect('task-1')
  await waitFor('the question', () => asked.length === 1)

  const submitting = submitter.submit(said('task-1', 'the callback'))
  resolve(pending)

  expect(await submitting).toBe('accepted')
  await ended('task-1')
  expect(finished).toMatchObject([{ msg: 'the callback' }])
})

test('the record may come first: a callback that says the same afterwards changes nothing', async () => {
  const { submitter, work, finished, ended } = await start(() => ({
    kind: 'told',
    separation: { ...said('task-1', 'told by the record', 200) },
  }))
  work()
  await submitter.expect('task-1')
  await ended('task-1')

  await submitter.submit({ ...said('task-1', 'the callback', 200) })
  await ended('task-1')
  expect(finished[0]).toMatchObject({ msg: 'told by the record' })
})

test('a wait outlives its worker', async () => {
  let answer: Told = pending
  const { submitter, work, asked, finished, state, ended } = await start(() => answer)
  const first = work()
  await submitter.expect('task-1')
  await waitFor('the first question', () => asked.length > 0)
  await first.close()
  expect(await state('task-1')).toMatch(/^(delayed|waiting)$/)

  answer = { kind: 'told', separation: said('task-1', 'told later') }
  work()

  await ended('task-1')
  expect(finished).toMatchObject([{ msg: 'told later' }])
})

test('what keeps the provider from telling stands on the job while it does', async () => {
  let problem: string | undefined = 'the key is refused'
  const { submitter, work, job } = await start(() => ({ kind: 'pending', ...(problem ? { problem } : {}) }))
  work()
  await submitter.expect('task-1')
  const shown = async () => (await job('task-1'))?.data.awaited?.problem
  await waitFor('the problem', async () => (await shown()) === 'the key is refused')

  problem = undefined
  await waitFor('the end of the problem', async () => (await shown()) === undefined)
})

test('a task that is given up ends with its reason, and a callback or a replay takes it up again', async () => {
  const over: Told = { kind: 'over', separation: said('task-1', 'given up', 408) }
  let answer: Told = over
  const { submitter, work, asked, finished, ended } = await start(() => answer)
  work()
  await submitter.expect('task-1')
  expect((await ended('task-1')).returnvalue).toEqual({ status: 'failed', saved: [] })
  expect(finished).toMatchObject([{ msg: 'given up', code: 408 }])

  expect(await submitter.expect('task-1')).toBe('expected') // once more
  await waitFor('a second question', () => finished.length === 2)

  answer = { kind: 'told', separation: said('task-1', 'told at last') }
  await ended('task-1')
  expect(await submitter.replay('task-1', async () => undefined)).toBe('driven')
  await waitFor('a third question', () => finished.length === 3)
  expect(finished[2]).toMatchObject({ msg: 'told at last' })
  expect(asked).toHaveLength(3)
  expect((await ended('task-1')).data).not.toHaveProperty('awaited')
})

test('a callback takes up a task that was given up', async () => {
  const { submitter, work, finished, ended } = await start(() => ({
    kind: 'over',
    separation: said('task-1', 'given up', 408),
  }))
  work()
  await submitter.expect('task-1')
  await ended('task-1')

  expect(await submitter.submit(said('task-1', 'the callback'))).toBe('accepted')
  await waitFor('the second end', () => finished.length === 2)
  expect(finished[1]).toMatchObject({ msg: 'the callback' })
})

test('a callback that says that a registered task has failed is borne out by the provider before it counts', async () => {
  let answer: Told = pending
  const { submitter, work, asked, finished, job, ended } = await start(() => answer, { canAsk: true })
  work()
  await submitter.expect('task-1')
  await submitter.submit(said('task-1', 'failed, says somebody', 500))
  await waitFor('the question about it', async () => asked.length > 2 && (await job('task-1'))?.data.awaited?.heard)
  expect(finished).toEqual([])

  answer = { kind: 'told', separation: said('task-1', 'the truth', 200) }
  await ended('task-1')
  expect(finished).toMatchObject([{ msg: 'the truth' }])
})

test('a failure that nobody bears out or denies counts when the wait is over, in its own words', async () => {
  let answer: Told = pending
  const { submitter, work, asked, finished, ended } = await start(() => answer, { canAsk: true })
  work()
  await submitter.expect('task-1')
  await submitter.submit(said('task-1', 'no vocals in it', 531))
  await waitFor('a question', () => asked.length > 0)
  answer = { kind: 'over', separation: said('task-1', 'given up', 408) }
  await ended('task-1')
  expect(finished).toMatchObject([{ msg: 'no vocals in it', code: 531 }])
})

test('a task that has ended with nothing home can be registered, and a replay asks too', async () => {
  let answer: Told = { kind: 'told', separation: said('task-1', 'told at last') }
  const { submitter, work, asked, finished, ended } = await start(() => answer, { canAsk: true })
  work()
  await submitter.submit(said('task-1', 'failed, says somebody', 500))
  await ended('task-1')
  expect(asked).toEqual([])

  expect(await submitter.expect('task-1')).toBe('expected')
  await waitFor('the end', () => finished.length === 2)
  expect(finished[1]).toMatchObject({ msg: 'told at last' })

  answer = { kind: 'told', separation: said('task-1', 'told again') }
  await ended('task-1')
  expect(await submitter.replay('task-1', async () => undefined)).toBe('driven')
  await waitFor('the next end', () => finished.length === 3)
  expect(finished[2]).toMatchObject({ msg: 'told again' })
})

test('how long the provider has not known a task is counted from its first such answer, and forgotten by another', async () => {
  let answer: Told = { kind: 'pending', isUnknown: true }
  const { submitter, work, job } = await start(() => answer)
  work()
  await submitter.expect('task-1')
  const since = async () => (await job('task-1'))?.data.awaited?.unknownSince
  const first = await waitFor('the first such answer', since)
  answer = { kind: 'pending' }
  await waitFor('another', async () => (await since()) === undefined)
  answer = { kind: 'pending', isUnknown: true }
  expect((await waitFor('a new count', since)) > first).toBe(true)
})

test('a task that the queue has forgotten is not asked for when it is whole in the store', async () => {
  const { submitter, state } = await start(() => pending)
  expect(await submitter.expect('task-1', async () => true)).toBe('known')
  expect(await state('task-1')).toBe('unknown')
  expect(await submitter.expect('task-1', async () => false)).toBe('expected')
})
