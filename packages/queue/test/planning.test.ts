import { randomUUID } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { libraryKeys } from '../src/library-index.ts'
import { awaitReady, connectPatiently, disconnect } from '../src/redis.ts'
import { createSeparationsWorker } from '../src/separations-worker.ts'
import { createStemsWorker } from '../src/stems-worker.ts'
import { createSubmitter } from '../src/submit.ts'
import { linkedSeparation } from './separations.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

/** Workers of which those who plan a separation wait as long as it is held back, and so do those who save its stem. */
const start = async () => {
  const redis = connectPatiently({ url: inject('redisUrl') }, silent)
  const room = { redis, prefix: `test-${randomUUID()}`, log: silent }
  const held = new Map<string, PromiseWithResolvers<void>>()
  const hold = (...names: string[]) => {
    for (const name of names) held.set(name, Promise.withResolvers())
  }
  const release = (...names: string[]) => {
    for (const name of names) held.get(name)?.resolve()
  }
  const began: string[] = []
  const separations = createSeparationsWorker({
    ...room,
    attempts: 1,
    begin: async ({ taskId }) => {
      began.push(taskId)
      await held.get(`plan ${taskId}`)?.promise
    },
    finish: async () => 'complete',
  })
  const stems = createStemsWorker({
    ...room,
    concurrency: 4,
    globalConcurrency: undefined,
    backoffMs: 1,
    save: async ({ taskId, url }) => {
      await held.get(`save ${taskId}`)?.promise
      const saved = { file: 'vocal.mp3', bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' }
      return { status: 'saved', ...saved, source_url: url, saved_at: new Date().toISOString() }
    },
  })
  const submitter = createSubmitter({ ...room, deadlineMs: 10_000 })
  onTestFinished(async () => {
    release(...held.keys())
    await Promise.all([separations.close(), stems.close(0)])
    disconnect(redis)
  })
  await awaitReady(redis, 5000)
  const planning = (taskId: string) => waitFor(`${taskId} is being planned`, () => began.includes(taskId))
  const ended = (taskId: string) =>
    waitFor(`${taskId} has ended`, async () => (await submitter.stateOf(taskId)) === 'ended')
  return { ...room, submitter, separations, hold, release, planning, ended }
}

test('a separation whose stems are home ends, however long others take to be planned', async () => {
  const { submitter, hold, release, planning, ended } = await start()
  hold('save home', 'plan slow-1', 'plan slow-2')
  await submitter.submit(linkedSeparation('home', ['vocal']))
  await planning('home')
  for (const taskId of ['slow-1', 'slow-2']) {
    await submitter.submit(linkedSeparation(taskId, ['vocal']))
    await planning(taskId)
  }
  release('save home')
  await ended('home')
})

test('who has waited to plan a separation until another has taken it over says nothing more of it', async () => {
  const { redis, prefix, submitter, separations, hold, release, planning } = await start()
  hold('plan slow-1', 'plan slow-2')
  for (const taskId of ['slow-1', 'slow-2']) {
    await submitter.submit(linkedSeparation(taskId, ['vocal']))
    await planning(taskId)
  }
  await submitter.submit(linkedSeparation('lost', ['vocal']))
  await waitFor('it waits to be planned', () => separations.running().includes('lost'))
  const lock = `${prefix}:separations:sep_lost:lock`
  await waitFor('it is locked', () => redis.get(lock))
  await redis.set(lock, 'of another worker')
  release('plan slow-1', 'plan slow-2')
  await planning('lost')
  await separations.close()
  expect(await redis.hget(libraryKeys(prefix).entries, 'lost')).toMatch(/^waiting /)
})
