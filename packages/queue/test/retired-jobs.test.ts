import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Queue } from 'bullmq'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createLeaderLock } from '../src/leader-lock.ts'
import { connectImpatiently, connectPatiently, disconnect, type RedisConnection } from '../src/redis.ts'
import { createRetiredJobs } from '../src/retired-jobs.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createStemsWorker } from '../src/stems-worker.ts'
import { createSubmitter } from '../src/submit.ts'
import { linkedSeparation } from './separations.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const LATER = Date.now() + 3600_000

/** A queue whose workers save each stem but drums at once. */
const startQueue = async (holdMs = 60_000) => {
  const prefix = `test-${randomUUID()}`
  const target = { url: inject('redisUrl') }
  const redis = connectImpatiently(target, SILENT)
  const jobs = connectPatiently(target, SILENT)
  await once(redis, 'ready')
  const room = { redis: jobs, prefix, log: SILENT }
  const separations = createSeparationsWorker({
    ...room,
    attempts: 1,
    begin: async () => {},
    finish: async () => 'partial',
  })
  const stems = createStemsWorker({
    ...room,
    concurrency: 4,
    globalConcurrency: undefined,
    backoffMs: 1,
    save: async ({ stem, url }) => {
      if (stem === 'drums') throw new Error('gone')
      const saved = { file: 'vocal.mp3', bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' }
      return { status: 'saved', ...saved, source_url: url, saved_at: new Date().toISOString() }
    },
  })
  const submitter = createSubmitter({ redis, prefix, deadlineMs: 5000 })
  const retired = createRetiredJobs(redis, prefix, holdMs)
  const queue = new Queue('separations', { connection: redis, prefix })
  onTestFinished(async () => {
    await Promise.all([separations.close(), stems.close(0)])
    await queue.close()
    disconnect(redis)
    disconnect(jobs)
  })
  const ended = async (taskId: string) => {
    await submitter.submit(linkedSeparation(taskId))
    await waitFor('it has ended', async () => (await submitter.stateOf(taskId)) === 'ended')
  }
  const keys = async () => (await redis.keys(`${prefix}:*`)).map((key) => key.slice(prefix.length + 1))
  return { redis, prefix, submitter, retired, queue, ended, keys }
}

test('a separation that is forgotten leaves nothing, neither its own job nor those of its stems', async () => {
  const { retired, ended, keys } = await startQueue()
  await ended('old')
  expect((await keys()).filter((key) => key.includes('sep_old')).length).toBeGreaterThan(3)
  expect(await retired.hold('old', LATER)).toBe('held')
  await retired.forget('old')
  expect((await keys()).filter((key) => key.includes('old'))).toEqual([])
})

test('one that is driven, one that is held already and one that ended lately are left alone', async () => {
  const { retired, queue, ended } = await startQueue()
  await ended('lately')
  expect(await retired.hold('lately', Date.now() - 60_000)).toBe('recent')
  expect(await retired.hold('lately', LATER)).toBe('held')
  expect(await retired.hold('lately', LATER)).toBe('busy')
  await queue.add('separation', { separation: linkedSeparation('driven') }, { jobId: 'sep_driven', delay: 3600_000 })
  expect(await retired.hold('driven', LATER)).toBe('busy')
})

test.each(['partial', 'forgotten by the queue'])(
  'while a separation is held (%s), nobody can drive it; afterwards it is a new one',
  async (kind) => {
    const { retired, submitter, ended, keys } = await startQueue()
    if (kind === 'partial') await ended('held')
    expect(await retired.hold('held', LATER)).toBe('held')
    let answer: string | undefined
    const submitted = submitter.submit(linkedSeparation('held')).then((given) => {
      answer = given
    })
    await waitFor('it has been left for whoever comes', async () => (await keys()).includes('resent:held'))
    expect(answer).toBeUndefined()
    await retired.forget('held')
    await submitted
    expect(answer).toBe('accepted')
    await waitFor('it has ended', async () => (await submitter.stateOf('held')) === 'ended')
  },
)

test('one that is released is where it was, and can be driven again', async () => {
  const { retired, submitter, queue, ended, keys } = await startQueue()
  await ended('back')
  const score = await (await queue.getJob('sep_back'))?.finishedOn
  await retired.hold('back', LATER)
  await retired.release('back')
  expect(await queue.getJob('sep_back')).toMatchObject({ finishedOn: score })
  expect((await queue.getCompleted()).map(({ id }) => id)).toEqual(['sep_back'])
  expect(await submitter.replay('back', async () => undefined)).toBe('driven')
  await waitFor('it has ended', async () => (await submitter.stateOf('back')) === 'ended')

  await retired.hold('never-seen', LATER)
  await retired.release('never-seen')
  expect((await keys()).filter((key) => key.includes('never-seen'))).toEqual([])
})

test('what is held by somebody who has died is free when the hold is over', async () => {
  const { retired, submitter, ended } = await startQueue(50)
  await ended('left')
  await retired.hold('left', LATER)
  expect(await submitter.submit(linkedSeparation('left'))).toBe('accepted')
  await waitFor('it has ended', async () => (await submitter.stateOf('left')) === 'ended')
})

test('of many processes that ask at once, one becomes the leader, of each work by itself', async () => {
  const { redis, prefix } = await startQueue()
  const { take } = createLeaderLock(redis, prefix, 'retention', 60_000)
  const taken = await Promise.all([take(), take(), take()])
  expect(taken.filter(Boolean)).toEqual([true])
  expect(await createLeaderLock(redis, prefix, 'reindex', 60_000).take()).toBe(true)
})

/** Does something before the first command of a name is sent. */
const beforeFirst = (redis: RedisConnection, name: string, work: () => Promise<unknown>) => {
  const send = redis.sendCommand.bind(redis) as (command: { name: string }) => unknown
  let isDone = false
  const sendCommand = (command: { name: string }): unknown => {
    if (command.name !== name || isDone) return send(command)
    isDone = true
    return work().then(() => send(command))
  }
  Object.assign(redis, { sendCommand })
  return () => isDone
}

test('a callback that finds a separation there is kept when it is forgotten before anybody can look', async () => {
  const { redis, retired, submitter, ended } = await startQueue()
  await ended('old')
  expect(await retired.hold('old', LATER)).toBe('held')
  const isForgotten = beforeFirst(redis, 'hgetall', () => retired.forget('old'))
  expect(await submitter.submit(linkedSeparation('old'))).toBe('accepted')
  expect(isForgotten()).toBe(true)
  expect(await submitter.stateOf('old')).not.toBe('unknown')
})

test('a task that is registered while its separation is forgotten is waited for', async () => {
  const { redis, retired, submitter, ended } = await startQueue()
  await ended('old')
  expect(await retired.hold('old', LATER)).toBe('held')
  const isForgotten = beforeFirst(redis, 'hgetall', () => retired.forget('old'))
  expect(await submitter.expect('old')).toBe('expected')
  expect([isForgotten(), await submitter.stateOf('old')]).toEqual([true, 'running'])
})

test('news that were left for a separation are kept when it is forgotten before its job can be driven', async () => {
  const { redis, retired, submitter, ended } = await startQueue()
  await ended('old') // as partial, so that a repeat drives it again
  const isForgotten = beforeFirst(redis, 'hexists', async () => {
    expect(await retired.hold('old', LATER)).toBe('held')
    await retired.forget('old')
  })
  expect(await submitter.submit(linkedSeparation('old'))).toBe('accepted')
  expect(isForgotten()).toBe(true)
  expect(await submitter.stateOf('old')).not.toBe('unknown')
})
