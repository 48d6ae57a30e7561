import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { startSystem } from '../support/system.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const LOCK_MS = 10_000

const ownRedis = async (): Promise<RedisServer> => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  return redis
}

const tell = async (redis: RedisServer, ...[command, ...args]: [string, ...string[]]): Promise<string> => {
  const admin = new Redis(redis.url)
  const answer = await admin.call(command, ...args)
  admin.disconnect()
  return `${answer}`
}

/** A system with a Redis of its own, in the middle of a download that takes so many seconds. */
const startInTheMiddle = async (seconds: number, given: { redis?: RedisServer; url?: string } = {}) => {
  const redis = given.redis ?? (await ownRedis())
  const system = await startSystem({ redisUrl: given.url ?? redis.url })
  const path = '/s/vocal.mp3?bytes=200000'
  system.provider.behave(path, { kind: 'slow', bytesPerSecond: 200_000 / seconds })
  const links = { vocal_url: system.provider.url + path }
  await system.post({ code: 200, msg: 'ok', data: { task_id: 'running', vocal_separation_info: links } })
  await waitFor('the download runs', () => system.provider.hits(path) === 1)
  const isHome = async () => {
    const { status, stems } = await system.finished('running')
    const file = system.provider.file(path)
    expect(status).toBe('complete')
    expect(stems.vocal).toMatchObject({ status: 'saved', bytes: file.bytes, sha256: file.sha256 })
    expect(await system.sha256('running', 'vocal.mp3')).toBe(file.sha256)
    const files = (await system.files()).filter((name) => name.startsWith('running/'))
    expect(files.sort()).toEqual(['running/manifest.json', 'running/vocal.mp3'])
  }
  const readiness = () =>
    Promise.all([system.ingress, ...system.workers].map(async ({ url }) => (await fetch(`${url}/readyz`)).status))
  return { ...system, redis, isHome, readiness }
}

test('Redis is killed and started again: both apps go on, the download that ran and the next callback come home', async () => {
  const { redis, readiness, post, provider, finished, isHome, ingress, workers } = await startInTheMiddle(4)

  await redis.kill()
  await waitFor('both say that they are not ready', async () => (await readiness()).every((code) => code === 503))
  await redis.start()
  await waitFor('both are ready', async () => (await readiness()).every((code) => code === 200))

  const answer = await post(documentedPayload('separate-vocal', { taskId: 'after', files: provider.url }))
  expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })
  expect(await finished('after')).toMatchObject({ status: 'complete' })
  await isHome()
  for (const app of [ingress, ...workers]) expect(app.process.exitCode).toBeNull()
})

test('Redis hangs for longer than a lock lasts: both apps go on, the download that ran and the next callback come home', async () => {
  const { redis, post, provider, finished, isHome, ingress, workers } = await startInTheMiddle(16)

  redis.signal('SIGSTOP')
  const since = performance.now()
  await waitFor('every lock is over', () => performance.now() - since > LOCK_MS + 1000)
  redis.signal('SIGCONT')

  const answer = await post(documentedPayload('separate-vocal', { taskId: 'after', files: provider.url }))
  expect(answer.status).toBe(200) // accepted, or spooled where the connection is still being made anew
  expect(await finished('after')).toMatchObject({ status: 'complete' })
  await isHome()
  for (const app of [ingress, ...workers]) expect(app.process.exitCode).toBeNull()
})

test('the address of Redis moves to its replica, the old master refuses writes: both apps follow, nothing is lost', async () => {
  const [master, replica] = [await ownRedis(), await ownRedis()]
  await tell(replica, 'REPLICAOF', '127.0.0.1', `${master.port}`)
  await waitFor('the replica follows', async () =>
    /master_link_status:up/.test(await tell(replica, 'INFO', 'replication')),
  )
  const address = await startTcpProxy(master.port)
  const system = await startInTheMiddle(4, { redis: master, url: `redis://127.0.0.1:${address.port}` })
  const { post, provider, finished, isHome } = system
  await post(documentedPayload('separate-vocal', { taskId: 'before', files: provider.url }))
  const offset = async (redis: RedisServer) =>
    /master_repl_offset:(\d+)/.exec(await tell(redis, 'INFO', 'replication'))?.[1]
  await waitFor('the replica has it all', async () => (await offset(master)) === (await offset(replica)))

  await tell(replica, 'REPLICAOF', 'NO', 'ONE')
  address.leadTo(replica.port)
  await tell(master, 'REPLICAOF', '127.0.0.1', `${replica.port}`)

  const answer = await post(documentedPayload('separate-vocal', { taskId: 'after', files: provider.url }))
  expect(answer.status).toBe(200)
  for (const taskId of ['before', 'after']) expect(await finished(taskId)).toMatchObject({ status: 'complete' })
  await isHome()
})
