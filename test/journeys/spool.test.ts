import { readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { type CallbackBody, documentedPayload } from '../stand-in/payloads.ts'
import { spawnApp, startApp } from '../support/app.ts'
import { postJson } from '../support/post.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { startSystem, TOKEN } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const ownRedis = async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  return redis
}

/** Asks a Redis of one's own to do something, as an operator would. */
const tell = async (url: string, ...command: string[]) => {
  const redis = new Redis(url)
  await redis.call(command[0] as string, ...command.slice(1))
  redis.disconnect()
}

test('while Redis is killed callbacks go to disk, and all of them arrive when it is back', async () => {
  const redis = await ownRedis()
  const { post, provider, finished, spoolDir, ingress, queue } = await startSystem({ redisUrl: redis.url })
  const callback = (taskId: string) => documentedPayload('separate-vocal', { taskId, files: provider.url })
  await redis.kill()

  const answers = await Promise.all(['a', 'b', 'c', 'c'].map((taskId) => post(callback(taskId))))

  expect(answers.map(({ status, body }) => [status, body.status])).toEqual(Array(4).fill([200, 'spooled']))
  expect(await readdir(spoolDir)).toHaveLength(3)
  const metrics = await (await fetch(`${ingress.url}/metrics`)).text()
  expect(metrics).toMatch(/^stemkeeper_spool_files 3$/m)
  expect(metrics).toMatch(/^stemkeeper_spool_oldest_age_seconds \d/m)

  await redis.start()
  for (const taskId of ['a', 'b', 'c']) expect(await finished(taskId)).toMatchObject({ status: 'complete' })
  await waitFor('the spool is empty', async () => (await readdir(spoolDir)).length === 0)
  expect(await queue('separations').getJobCountByTypes()).toBe(3)
})

test('a Redis that hangs, refuses writes or is out of memory makes nobody wait longer than two seconds', async () => {
  const redis = await ownRedis()
  const { post, provider, finished } = await startSystem({ redisUrl: redis.url })
  const callback = (taskId: string) => documentedPayload('separate-vocal', { taskId, files: provider.url })
  const inTime = async (taskId: string) => {
    const startedAt = performance.now()
    const answer = await post(callback(taskId))
    expect(performance.now() - startedAt).toBeLessThan(2000) // the promise made to the provider, not a speed
    expect(answer, taskId).toMatchObject({ status: 200, body: { status: 'spooled' } })
  }

  redis.signal('SIGSTOP')
  await inTime('hung')
  redis.signal('SIGCONT')
  expect(await finished('hung')).toMatchObject({ status: 'complete' })

  await tell(redis.url, 'CONFIG', 'SET', 'min-replicas-to-write', '1') // NOREPLICAS, as a master that has lost its replicas
  await inTime('refused')
  await tell(redis.url, 'CONFIG', 'SET', 'min-replicas-to-write', '0')
  expect(await finished('refused')).toMatchObject({ status: 'complete' })

  await tell(redis.url, 'REPLICAOF', '127.0.0.1', '1') // READONLY, as the old master after a failover
  await inTime('read-only')
  await tell(redis.url, 'REPLICAOF', 'NO', 'ONE')
  expect(await finished('read-only')).toMatchObject({ status: 'complete' })

  await tell(redis.url, 'CONFIG', 'SET', 'maxmemory', '1')
  await inTime('oom')
  await tell(redis.url, 'CONFIG', 'SET', 'maxmemory', '0')
  expect(await finished('oom')).toMatchObject({ status: 'complete' })
})

test('callbacks that come before Redis was ever up are kept, and arrive when it comes', async () => {
  const redis = await ownRedis()
  await redis.kill()
  const { post, provider, finished } = await startSystem({ redisUrl: redis.url })

  const callback = documentedPayload('separate-vocal', { taskId: 'early', files: provider.url })
  expect(await post(callback)).toMatchObject({ status: 200, body: { status: 'spooled' } })
  expect(await post({ data: { task_id: 'strange' } })).toMatchObject({ status: 200, body: { status: 'spooled' } })

  await redis.start()
  expect(await finished('early')).toMatchObject({ status: 'complete' })
})

test('a submit that Redis carries out after its deadline, and the drain after it, make one separation', async () => {
  const redis = await ownRedis()
  const { post, provider, finished, queue, spoolDir } = await startSystem({ redisUrl: redis.url })
  const callback = documentedPayload('split-stem', { taskId: 'ghost', files: provider.url })

  redis.signal('SIGSTOP')
  expect(await post(callback)).toMatchObject({ body: { status: 'spooled' } })
  redis.signal('SIGCONT')

  await finished('ghost')
  await waitFor('the spool is empty', async () => (await readdir(spoolDir)).length === 0)
  expect(await queue('separations').getJobCountByTypes()).toBe(1)
  expect(await queue('stems').getJobCountByTypes()).toBe(12)
  expect(provider.hits('/s/07420749-29a2-4054-9b62-e6a6f8b90ccb_Vocals.mp3')).toBe(1)
})

test('what an ingress that was killed has spooled is delivered by the next one, oldest first', async () => {
  const redis = await ownRedis()
  const { post, env, ingress, spoolDir, queue } = await startSystem({ redisUrl: redis.url, workers: 0 })
  await redis.kill()
  const tasks = Array.from({ length: 10 }, (_, n) => `task-${n}`)
  for (const taskId of tasks) await post(documentedPayload('separate-vocal-failed', { taskId }))
  await post({ data: { task_id: 'strange' } })
  await ingress.stop('SIGKILL')
  await writeFile(`${spoolDir}/half.part`, '{"task')
  await utimes(`${spoolDir}/half.part`, 0, 0)
  await writeFile(`${spoolDir}/1000000000000-${'0'.repeat(32)}.json`, 'broken by a disk')
  await redis.start()

  await startApp('ingress', { ...env, SPOOL_DIR: spoolDir, CALLBACK_TOKENS: TOKEN })

  const setAside = `1000000000000-${'0'.repeat(32)}.json.unreadable`
  await waitFor('only the broken one is left', async () => `${await readdir(spoolDir)}` === setAside)
  const waiting = await queue('separations').getJobs(['waiting'], 0, -1, true)
  expect(waiting.map((job) => job.data.separation.taskId)).toEqual(tasks)
  expect(await queue('quarantine').getWaitingCount()).toBe(1)
})

test('a callback that neither Redis nor the spool can take is answered 503 and sent again', async () => {
  const redis = await ownRedis()
  const { ingress } = await startSystem({ redisUrl: redis.url, workers: 0, ingress: { SPOOL_MAX_BYTES: '10' } })
  await redis.kill()

  const url = `${ingress.url}/callbacks/separation/${TOKEN}`
  const answer = await postJson(url, documentedPayload('separate-vocal', { taskId: 'nowhere' }))

  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('5')
  expect(answer.headers.get('content-type')).toMatch('application/problem+json')
})

test('a spooled file that somebody else has taken away does not hold up the others', async () => {
  const redis = await ownRedis()
  const { post, spoolDir, queue } = await startSystem({ redisUrl: redis.url, workers: 0 })
  await redis.kill()
  for (const taskId of ['taken', 'kept']) await post(documentedPayload('separate-vocal-failed', { taskId }))
  const [first = ''] = (await readdir(spoolDir)).sort()
  await rm(`${spoolDir}/${first}`)

  await redis.start()

  await waitFor('the spool is empty', async () => (await readdir(spoolDir)).length === 0)
  const waiting = await queue('separations').getJobs(['waiting'])
  expect(waiting.map((job) => job.data.separation.taskId)).toEqual(['kept'])
})

test('five hundred callbacks at once, with Redis away, are all kept', async () => {
  const redis = await ownRedis()
  const { post, spoolDir } = await startSystem({ redisUrl: redis.url, workers: 0 })
  await redis.kill()

  const tasks = Array.from({ length: 500 }, (_, n) => documentedPayload('separate-vocal', { taskId: `burst-${n}` }))
  // A slow machine sheds some of them with a 503, which the provider answers by sending again.
  const answered = async (callback: CallbackBody) => {
    const answer = await post(callback)
    return answer.status === 503 ? undefined : answer
  }
  const answers = await Promise.all(
    tasks.map((callback) => waitFor('an answer', () => answered(callback), { everyMs: 1000 })),
  )

  expect(answers.filter(({ body }) => body.status !== 'spooled')).toEqual([])
  expect(await readdir(spoolDir)).toHaveLength(500)
})

test('a spool that cannot be written stops ingress at its start with one clear line', async () => {
  const { env, spoolDir } = await startSystem({ workers: 0 })
  await writeFile(`${spoolDir}/file`, '')
  const SPOOL_DIR = `${spoolDir}/file/in/the/way`

  const ingress = spawnApp('ingress', { ...env, SPOOL_DIR, CALLBACK_TOKENS: TOKEN })

  expect(await ingress.ended).toMatchObject({ code: 1 })
  expect(ingress.output()).toBe(`configuration: SPOOL_DIR: ${SPOOL_DIR} cannot be written (ENOTDIR)\n`)
})
