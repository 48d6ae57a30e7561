import { readdir } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import type { StandInProvider } from '../stand-in/provider.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const KEY = 'a-key-of-the-provider-api'
const RECORD = '/api/v1/vocal-removal/record-info?taskId='

const callback = (taskId: string, links: Record<string, string>) => ({
  code: 200,
  msg: 'done',
  data: { task_id: taskId, vocal_separation_info: links },
})

const tellRecord = (
  provider: StandInProvider,
  taskId: string,
  response: Record<string, string> | null,
  flag = 'SUCCESS',
) =>
  provider.alwaysBehave(RECORD + taskId, {
    kind: 'answer',
    status: 200,
    body: JSON.stringify({ code: 200, msg: 'success', data: { taskId, response, successFlag: flag } }),
  })

const start = async (
  mode: 'off' | 'suspicious' | 'always',
  ingress: Record<string, string> = {},
  more: Record<string, string> = {},
) => {
  const system = await startSystem({ ingress, workers: 0 })
  const { url } = system.provider
  // It signs no links anew: a dead one stays dead.
  const notItsOwn = JSON.stringify({ code: 422, msg: 'no file of ours', data: null })
  system.provider.alwaysBehave('/api/v1/common/download-url', { kind: 'answer', status: 200, body: notItsOwn })
  const worker = await system.addWorker({
    CALLBACK_READBACK: mode,
    PROVIDER_API_URL: url,
    PROVIDER_API_KEY: KEY,
    ...more,
  })
  return { ...system, url, worker }
}

test('a callback that the provider bears out is fetched, and the key goes to the provider alone', async () => {
  const { provider, url, post, finished } = await start('always')
  tellRecord(provider, 'honest', { vocalUrl: `${url}/v.mp3`, instrumentalUrl: `${url}/i.mp3` })

  await post(callback('honest', { vocal_url: `${url}/v.mp3`, instrumental_url: `${url}/i.mp3` }))

  expect((await finished('honest')).status).toBe('complete')
  expect(provider.requests(`${RECORD}honest`)).toMatchObject([{ authorization: `Bearer ${KEY}` }])
  expect(provider.requests('/v.mp3')[0]).not.toHaveProperty('authorization')
})

test('of a forged callback nothing is fetched; it is in quarantine with the reason, and the honest one comes home', async () => {
  const { provider, url, post, finished, queue, worker } = await start('always')
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3`, drumsUrl: `${url}/d.mp3` })

  await post(callback('task-1', { vocal_url: `${url}/forged.mp3`, drums_url: `${url}/d.mp3` }))

  const failed = await finished('task-1')
  expect(failed).toMatchObject({
    status: 'failed',
    stems: { vocal: { status: 'failed', error: { code: 'unconfirmed' } }, drums: { status: 'failed' } },
  })
  expect(provider.hits('/forged.mp3') + provider.hits('/d.mp3')).toBe(0)
  const [entry] = await queue('quarantine').getWaiting()
  expect(entry?.data).toMatchObject({
    kind: 'unconfirmed',
    taskId: 'task-1',
    reason: expect.stringMatching(/another link, or none, for vocal$/),
    payload: { stems: [{ name: 'vocal', url: `${url}/forged.mp3` }, { name: 'drums' }] },
  })
  await worker.logged('the refusal', (line) => line.msg.startsWith('readback.refused') && line.taskId === 'task-1')

  await post(callback('task-1', { vocal_url: `${url}/v.mp3`, drums_url: `${url}/d.mp3` }))

  const complete = await finished('task-1', ({ status }) => status === 'complete')
  expect(complete.stems.vocal).toMatchObject({ status: 'saved', source_url: `${url}/v.mp3` })
  expect(provider.hits('/forged.mp3')).toBe(0)
})

test('a forged callback takes nothing away from what is home', async () => {
  const { provider, url, post, finished, manifest, queue } = await start('always')
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3`, drumsUrl: `${url}/gone.mp3` })
  provider.alwaysBehave('/gone.mp3', { kind: 'answer', status: 404 })
  await post(callback('task-1', { vocal_url: `${url}/v.mp3`, drums_url: `${url}/gone.mp3` }))
  const before = await finished('task-1')
  expect(before.status).toBe('partial')

  await post(callback('task-1', { vocal_url: `${url}/other.mp3`, drums_url: `${url}/forged.mp3` }))
  await waitFor('the forged one is set aside', async () => (await queue('quarantine').getWaitingCount()) === 1)
  await waitFor('the separation ends', async () => (await queue('separations').getCompletedCount()) === 1)

  expect((await manifest('task-1'))?.stems.vocal).toEqual(before.stems.vocal)
  expect(provider.hits('/other.mp3') + provider.hits('/forged.mp3')).toBe(0)
})

test.each([
  ['knows no such task', JSON.stringify({ code: 200, msg: 'success', data: null }), /knows no task/],
  [
    'calls it failed',
    JSON.stringify({
      code: 200,
      data: { successFlag: 'GENERATE_AUDIO_FAILED', response: null, errorMessage: 'too long' },
    }),
    /failed: too long/,
  ],
])('a callback for a task of which the provider %s is set aside', async (_what, body, reason) => {
  const { provider, url, post, finished, queue } = await start('always', {}, { READBACK_PATIENCE_SECONDS: '0' })
  provider.alwaysBehave(`${RECORD}task-1`, { kind: 'answer', status: 200, body })
  await post(callback('task-1', { vocal_url: `${url}/v.mp3` }))
  expect((await finished('task-1')).status).toBe('failed')
  expect((await queue('quarantine').getWaiting())[0]?.data.reason).toMatch(reason)
  expect(provider.hits('/v.mp3')).toBe(0)
})

test('while the provider does not tell, the callback waits, and nothing of it is fetched or lost', async () => {
  const { provider, url, post, finished, queue } = await start('always')
  provider.behave(`${RECORD}task-1`, { kind: 'answer', status: 503 }, { kind: 'answer', status: 200, body: '<html>' })
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3` })
  await post(callback('task-1', { vocal_url: `${url}/v.mp3` }))
  await waitFor('it was asked in vain', () => provider.hits(`${RECORD}task-1`) === 2)
  expect(provider.hits('/v.mp3')).toBe(0)

  expect((await finished('task-1')).status).toBe('complete')
  expect(await queue('quarantine').getWaitingCount()).toBe(0)
})

test('a record that lags behind its callback is asked again', async () => {
  const { provider, url, post, finished } = await start('always')
  tellRecord(provider, 'task-1', null, 'PENDING')
  await post(callback('task-1', { vocal_url: `${url}/v.mp3` }))
  await waitFor('it was asked', () => provider.hits(`${RECORD}task-1`) > 0)
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3` })
  expect((await finished('task-1')).status).toBe('complete')
})

test('a failure names no links, so the provider is not asked', async () => {
  const { provider, post, finished } = await start('always')
  await post({ code: 500, msg: 'failed', data: { task_id: 'task-1', vocal_separation_info: null } })
  expect((await finished('task-1')).status).toBe('failed')
  expect(provider.hits(`${RECORD}task-1`)).toBe(0)
})

test('switched off, the provider is never asked', async () => {
  const { provider, url, post, finished } = await start('off')
  await post(callback('task-1', { vocal_url: `${url}/v.mp3` }))
  expect((await finished('task-1')).status).toBe('complete')
  expect(provider.hits(`${RECORD}task-1`)).toBe(0)
})

test('where only suspicious callbacks are compared, one that nothing vouches for is', async () => {
  const { provider, url, post, finished } = await start('suspicious', { CALLBACK_AUTH: 'none' })
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3` })
  await post(callback('task-1', { vocal_url: `${url}/forged.mp3` }), { path: '/callbacks/separation' })
  expect((await finished('task-1')).status).toBe('failed')
  expect(provider.hits('/forged.mp3')).toBe(0)
})

test('two stems that are swapped are noticed', async () => {
  const { provider, url, post, finished } = await start('always')
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3`, instrumentalUrl: `${url}/i.mp3` })
  await post(callback('task-1', { vocal_url: `${url}/i.mp3`, instrumental_url: `${url}/v.mp3` }))
  expect((await finished('task-1')).status).toBe('failed')
  expect(provider.hits('/v.mp3') + provider.hits('/i.mp3')).toBe(0)
})

test('a full quarantine does not keep the honest callback waiting', async () => {
  const { provider, url, post, finished } = await start('always', { QUARANTINE_MAX: '1' }, { QUARANTINE_MAX: '1' })
  await post({ code: 200, data: { task_id: 'odd', something: 'else' } })
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3` })
  await post(callback('task-1', { vocal_url: `${url}/forged.mp3` }))
  await post(callback('task-1', { vocal_url: `${url}/v.mp3` }))
  expect((await finished('task-1', ({ status }) => status === 'complete')).stems.vocal).toMatchObject({
    source_url: `${url}/v.mp3`,
  })
})

test('what finds no room in a full quarantine waits, and the separation ends all the same', async () => {
  const { provider, url, post, finished, queue, worker } = await start(
    'always',
    { QUARANTINE_MAX: '1' },
    { QUARANTINE_MAX: '1' },
  )
  await post({ code: 200, data: { task_id: 'odd', something: 'else' } })
  provider.alwaysBehave('/gone.mp3', { kind: 'answer', status: 404 })
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3`, drumsUrl: `${url}/gone.mp3` })
  await post(callback('task-1', { vocal_url: `${url}/v.mp3`, drums_url: `${url}/gone.mp3` }))
  await finished('task-1')

  await post(callback('task-1', { drums_url: `${url}/forged.mp3` }))
  await worker.logged('the refusal', ({ msg }) => msg.startsWith('readback.refused'))
  await waitFor('the separation ends', async () => (await queue('separations').getCompletedCount()) === 1)

  const vocal = `${url}/v.mp3`
  await post(callback('task-1', { vocal_url: vocal, drums_url: `${url}/forged-too.mp3` }))
  await waitFor(
    'both are refused',
    () => worker.log.filter(({ msg }) => msg.startsWith('readback.refused')).length >= 3,
  )
  await waitFor('the separation ends', async () => (await queue('separations').getCompletedCount()) === 1)
  expect((await finished('task-1')).stems).toMatchObject({ vocal: { status: 'saved' }, drums: { status: 'failed' } })
  expect(provider.hits('/forged.mp3') + provider.hits('/forged-too.mp3')).toBe(0)
})

test('however many forged callbacks wait, the provider is asked once, and the honest one comes home', async () => {
  const { provider, url, post, finished } = await start('always')
  const record = `${RECORD}task-1`
  provider.behave(record, ...Array.from({ length: 3 }, () => ({ kind: 'answer', status: 429 }) as const))
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3` })
  const forged = Array.from({ length: 30 }, (_, n) => callback('task-1', { vocal_url: `${url}/forged-${n}.mp3` }))
  await Promise.all([...forged, callback('task-1', { vocal_url: `${url}/v.mp3` })].map((body) => post(body)))
  const { stems } = await finished('task-1', ({ status }) => status === 'complete')
  expect(stems.vocal).toMatchObject({ source_url: `${url}/v.mp3` })
  expect(provider.hits(record)).toBeLessThan(20) // one for each time that something new had come, and the three in vain
})

test('what was believed before anything was compared is compared when that is switched on', async () => {
  const nobodyToAsk = { PROVIDER_API_URL: '', PROVIDER_API_KEY: '' } // or a fresh link would take the dead one's place
  const { provider, url, post, finished, workers, addWorker, worker } = await start('off', {}, nobodyToAsk)
  provider.alwaysBehave('/gone.mp3', { kind: 'answer', status: 404 })
  tellRecord(provider, 'task-1', { drumsUrl: `${url}/d.mp3` })
  await post(callback('task-1', { drums_url: `${url}/gone.mp3` }))
  await finished('task-1')
  await worker.stop()
  expect(workers).toEqual([])
  const api = { PROVIDER_API_URL: url, PROVIDER_API_KEY: KEY }
  await addWorker({ CALLBACK_READBACK: 'always', ...api })
  await post(callback('task-1', { drums_url: `${url}/gone.mp3` }))
  const refused = await finished('task-1', ({ stems }) => {
    return stems.drums?.status === 'failed' && stems.drums.error.code === 'unconfirmed'
  })
  expect(refused.status).toBe('failed')
  await post(callback('task-1', { drums_url: `${url}/d.mp3` }))
  expect((await finished('task-1', ({ status }) => status === 'complete')).stems.drums).toMatchObject({
    source_url: `${url}/d.mp3`,
  })
})

test('files that were saved before anything was compared go, if their callback is not borne out', async () => {
  const { provider, url, post, finished, files, addWorker, worker } = await start('off')
  tellRecord(provider, 'task-1', { vocalUrl: `${url}/v.mp3`, drumsUrl: `${url}/d.mp3` })
  provider.behave('/slow.mp3', { kind: 'stall', afterBytes: 10 })
  await post(callback('task-1', { vocal_url: `${url}/forged.mp3`, drums_url: `${url}/slow.mp3` }))
  await waitFor('one is saved', async () => (await files()).includes('task-1/vocal.mp3'))
  await worker.stop('SIGKILL')
  await addWorker({ CALLBACK_READBACK: 'always', PROVIDER_API_URL: url, PROVIDER_API_KEY: KEY })
  expect((await finished('task-1')).status).toBe('failed')
  expect((await files()).filter((file) => file.startsWith('task-1/'))).toEqual(['task-1/manifest.json'])

  await post(callback('task-1', { vocal_url: `${url}/v.mp3`, drums_url: `${url}/d.mp3` }))
  const { stems } = await finished('task-1', ({ status }) => status === 'complete')
  expect(stems.vocal).toMatchObject({ sha256: provider.file('/v.mp3').sha256, source_url: `${url}/v.mp3` })
})

test('an honest callback that Redis lost half-way is driven again, though a forged one came in its place', async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  const system = await startSystem({ redisUrl: redis.url, workers: 0 })
  const { provider, post, finished, queue, folder } = system
  const api = { CALLBACK_READBACK: 'always', PROVIDER_API_URL: provider.url, PROVIDER_API_KEY: KEY }
  const worker = await system.addWorker({ ...api, RECONCILE_SECONDS: '1' })
  const honest = `${provider.url}/v.mp3`
  tellRecord(provider, 'task-1', { vocalUrl: honest })
  provider.behave('/v.mp3', { kind: 'stall', afterBytes: 10 })
  await post(callback('task-1', { vocal_url: honest }))
  await waitFor('it is under way', () => provider.hits('/v.mp3') === 1)

  const client = new Redis(redis.url)
  await client.flushall()
  client.disconnect()
  await post(callback('task-1', { vocal_url: `${provider.url}/forged.mp3` }))
  await worker.logged('the refusal', ({ msg }) => msg.startsWith('readback.refused'))

  const complete = await finished('task-1', ({ status }) => status === 'complete')
  expect(complete.stems.vocal).toMatchObject({ source_url: honest })
  expect(provider.hits('/forged.mp3')).toBe(0)
  expect(await queue('quarantine').getWaitingCount()).toBe(1)
  await waitFor('its note is taken away', async () => (await readdir(`${folder}/.open`)).length === 0)
})
