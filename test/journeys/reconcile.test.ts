import { readdir, writeFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { runScript } from '../support/script.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const VOCAL = '/s/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3'
const INSTRUMENTAL = '/s/d92a13bf-c6f4-4ade-bb47-f69738435528_Instrumental.mp3'
const EAGER = { RECONCILE_SECONDS: '1' }

test('a separation that Redis has forgotten half-way is driven again from what its worker noted', async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  const { post, provider, finished, folder } = await startSystem({ redisUrl: redis.url, worker: EAGER })
  const gate = Promise.withResolvers<void>()
  provider.behave(VOCAL, { kind: 'wait', until: gate.promise })
  await post(documentedPayload('separate-vocal', { taskId: 'forgotten', files: provider.url }))
  await waitFor('it is being fetched', () => provider.hits(VOCAL) === 1)

  const admin = new Redis(redis.url)
  await admin.flushall()
  admin.disconnect()
  gate.resolve()

  const manifest = await finished('forgotten')
  expect(manifest).toMatchObject({ status: 'complete', stems: { vocal: { sha256: provider.file(VOCAL).sha256 } } })
  await waitFor('its note is taken away', async () => (await readdir(`${folder}/.open`)).length === 0)
})

test('a separation that waits for a stem whose job has vanished gets it back', async () => {
  const { post, provider, finished, addWorker, workers, queue, env } = await startSystem()
  const gate = Promise.withResolvers<void>()
  provider.behave(VOCAL, { kind: 'wait', until: gate.promise })
  await post(documentedPayload('separate-vocal', { taskId: 'orphaned', files: provider.url }))
  await waitFor('it is being fetched', () => provider.hits(VOCAL) === 1)
  await workers[0]?.stop('SIGKILL')
  gate.resolve()
  const [parent] = await queue('separations').getWaitingChildren()
  expect(parent?.id).toBe('sep_orphaned')
  const admin = new Redis(env.REDIS_URL as string)
  const vocal = `sep_orphaned.${parent?.data.run}.vocal`
  await admin.del(`${env.QUEUE_PREFIX}:stems:${vocal}`)
  await admin.lrem(`${env.QUEUE_PREFIX}:stems:active`, 0, vocal)
  admin.disconnect()

  await addWorker(EAGER)

  expect(await finished('orphaned')).toMatchObject({ status: 'complete' })
})

test('a separation that waits for a stem which has failed already is freed', async () => {
  const { post, provider, finished, addWorker, workers, queue, env } = await startSystem()
  const gate = Promise.withResolvers<void>()
  provider.behave(VOCAL, { kind: 'answer', status: 404 })
  provider.behave(INSTRUMENTAL, { kind: 'wait', until: gate.promise })
  await post(documentedPayload('separate-vocal', { taskId: 'waiting', files: provider.url }))
  await waitFor('the vocal has failed', async () => (await queue('stems').getFailedCount()) === 1)
  await workers[0]?.stop('SIGKILL')
  gate.resolve()
  const [failed] = await queue('stems').getFailed()
  const [parent] = await queue('separations').getWaitingChildren()
  const key = `${env.QUEUE_PREFIX}:separations:${parent?.id}`
  const admin = new Redis(env.REDIS_URL as string)
  // What adding a failed child once more does to its parent.
  await admin.hdel(`${key}:failed`, `${env.QUEUE_PREFIX}:stems:${failed?.id}`)
  await admin.sadd(`${key}:dependencies`, `${env.QUEUE_PREFIX}:stems:${failed?.id}`)
  admin.disconnect()

  await addWorker(EAGER)

  expect(await finished('waiting')).toMatchObject({ status: 'complete' })
})

test('npm run replay drives a separation again: what is home stays, what is missing is fetched, the manifest is new', async () => {
  const { post, provider, finished, env, queue } = await startSystem()
  provider.behave(VOCAL, { kind: 'answer', status: 404 })
  await post(documentedPayload('separate-vocal', { taskId: 'again', files: provider.url }))
  const first = await finished('again')
  expect(first.status).toBe('partial')
  await waitFor('its job has ended', async () => (await queue('separations').getCompletedCount()) === 1)

  const replay = runScript('replay', '/tmp', env, 'again')
  expect(await replay.ended).toBe(0)
  expect(replay.output()).toBe('again is being worked on again\n')

  const second = await finished('again', ({ status }) => status === 'complete')
  expect(second.finished_at > first.finished_at).toBe(true)
  expect([provider.hits(VOCAL), provider.hits(INSTRUMENTAL)]).toEqual([2, 1])
})

test('a separation that the queue has forgotten is replayed from its manifest; one that nobody knows is said to be unknown', async () => {
  const { post, provider, finished, env, queue, sha256, folder } = await startSystem()
  await post(documentedPayload('separate-vocal', { taskId: 'old', files: provider.url }))
  const first = await finished('old')
  await waitFor('its job has ended', async () => (await queue('separations').getCompletedCount()) === 1)
  await queue('separations').obliterate({ force: true })
  await writeFile(`${folder}/old/vocal.mp3`, 'rot')

  const replay = runScript('replay', '/tmp', env, 'old', 'nobody')
  expect(await replay.ended).toBe(1)
  expect(replay.output()).toBe('old is being worked on again\nnobody is unknown to the queue and to the store\n')

  await finished('old', ({ finished_at }) => finished_at > first.finished_at)
  expect(await sha256('old', 'vocal.mp3')).toBe(provider.file(VOCAL).sha256)
})
