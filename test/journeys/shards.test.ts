import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { shardOf } from '@stems/queue/shards'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { type App, spawnApp } from '../support/app.ts'
import { postJson } from '../support/post.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { emptyDirectory, runScript } from '../support/script.ts'
import { type System, startSystem, TOKEN } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const VOCAL = '/s/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3'
const INSTRUMENTAL = '/s/d92a13bf-c6f4-4ade-bb47-f69738435528_Instrumental.mp3'
const EAGER = { RECONCILE_SECONDS: '1', DOWNLOAD_STALL_MS: '60000' }

/** Ids that belong to a shard of several. */
const idsOf = (shard: string, count: number, names = ['a', 'b']): string[] => {
  const ids: string[] = []
  for (let n = 0; ids.length < count; n++) {
    const id = `task-${n}`
    if (shardOf(id, names) === shard) ids.push(id)
  }
  return ids
}

const startShards = async <Name extends string>(...names: Name[]): Promise<Record<Name, RedisServer>> => {
  const started = await Promise.all(names.map(async (name) => [name, await startRedisServer()] as const))
  for (const [, redis] of started) onTestFinished(redis.close)
  return Object.fromEntries(started) as Record<Name, RedisServer>
}

const urlsOf = (shards: Record<string, RedisServer>): string =>
  Object.entries(shards)
    .map(([name, { url }]) => `${url}#${name}`)
    .join(',')

const send = async ({ post, provider }: System, taskId: string): Promise<unknown> =>
  (await post(documentedPayload('separate-vocal', { taskId, files: provider.url }))).body.status

/** The tasks whose jobs a Redis holds. */
const heldBy = async ({ url }: RedisServer, prefix: string | undefined): Promise<string[]> => {
  const redis = new Redis(url)
  const keys = await redis.keys(`${prefix}:separations:sep_*`)
  redis.disconnect()
  const ids = keys.map((key) => /:sep_(task-\d+)/.exec(key)?.[1]).filter((id) => id !== undefined)
  return [...new Set(ids)].sort()
}

/** Has anybody asked a Redis for the states of jobs, again and again? */
const wasLookedInto = async ({ url }: RedisServer): Promise<boolean> => {
  const redis = new Redis(url)
  const calls = Number(/cmdstat_zscore:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
  redis.disconnect()
  return calls > 20
}

const metricsOf = async ({ url }: App): Promise<string> => (await fetch(`${url}/metrics`)).text()
const readyz = async ({ url }: App): Promise<number> => (await fetch(`${url}/readyz`)).status

test('tasks are spread over two Redis by their ids, and one worker and one board serve both', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards) })
  const [ofA, ofB] = [idsOf('a', 3), idsOf('b', 3)]

  for (const taskId of [...ofA, ...ofB]) expect(await send(system, taskId)).toBe('accepted')
  expect(await send(system, ofA[0] as string)).toBe('duplicate')
  for (const taskId of [...ofA, ...ofB]) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })

  expect(await heldBy(shards.a, system.env.QUEUE_PREFIX)).toEqual(ofA.toSorted())
  expect(await heldBy(shards.b, system.env.QUEUE_PREFIX)).toEqual(ofB.toSorted())
  const worker = await metricsOf(system.workers[0] as App)
  expect(worker).toMatch(/^stemkeeper_jobs\{queue="separations",state="completed",shard="a"\} 3$/m)
  expect(worker).toMatch(/^stemkeeper_jobs\{queue="separations",state="completed",shard="b"\} 3$/m)
  expect(worker).toMatch(/^stemkeeper_shard_up\{shard="b"\} 1$/m)

  const { ask } = await system.addBoard()
  const walked: string[] = []
  let cursor = ''
  do {
    const { body } = await ask(`/api/separations?limit=2${cursor}`)
    expect(body.separations.length).toBeLessThanOrEqual(2)
    expect(body).not.toHaveProperty('shards_away')
    walked.push(...body.separations.map(({ task_id, shard }: Record<string, string>) => `${shard} ${task_id}`))
    cursor = body.next_cursor && `&cursor=${body.next_cursor}`
  } while (cursor)
  for (const parts of ['[["c",null]]', '[["a","b"]]', '[]', '{}', '[[null]]']) {
    const { status } = await ask(`/api/separations?cursor=${Buffer.from(parts).toString('base64url')}`)
    expect(status, parts).toBe(400)
  }
  const queues = (await ask('/queues/api/queues')).body.queues.map(({ name }: { name: string }) => name)
  expect(queues).toEqual(expect.arrayContaining(['a: separations', 'b: separations', 'a: stems', 'b: quarantine']))
  const job = await ask(`/queues/api/queues/${encodeURIComponent('b: separations')}/sep_${ofB[0]}`)
  expect(job.body.job).toMatchObject({ id: `sep_${ofB[0]}` })
  expect(walked.toSorted()).toEqual([...ofA.map((id) => `a ${id}`), ...ofB.map((id) => `b ${id}`)].sort())
})

test('one of two is killed: the other goes on, and what is for the dead one waits until it is back', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards), worker: EAGER })
  const { ingress, workers, spoolDir, finished } = system
  const worker = workers[0] as App
  const board = await system.addBoard()
  const [before, after, ...alive] = idsOf('a', 6) as [string, string, ...string[]]
  const [known, held, ...dead] = idsOf('b', 5) as [string, string, ...string[]]
  for (const taskId of [before, known]) {
    await send(system, taskId)
    await finished(taskId)
  }
  const gate = Promise.withResolvers<void>()
  const waits = { kind: 'wait', until: gate.promise } as const
  system.provider.behave(VOCAL, waits, waits)
  for (const taskId of [after, held]) await send(system, taskId)
  await waitFor('both are being fetched', () => system.provider.hits(VOCAL) === 4)
  await shards.b.kill()
  gate.resolve()
  await waitFor('the board has noticed', async () => (await board.ask('/api/separations')).body.shards_away)

  for (const taskId of dead) expect(await send(system, taskId)).toBe('spooled')
  for (const taskId of alive) expect(await send(system, taskId)).toBe('accepted')
  for (const taskId of [after, ...alive]) expect(await finished(taskId)).toMatchObject({ status: 'complete' })
  expect(await readdir(spoolDir)).toHaveLength(dead.length)
  expect(await Promise.all([ingress, worker, board].map(readyz))).toEqual([200, 200, 200])
  expect((await fetch(`${worker.url}/livez`)).status).toBe(200)
  expect(await metricsOf(ingress)).toMatch(new RegExp(`^stemkeeper_spool_files\\{shard="b"\\} ${dead.length}$`, 'm'))
  expect(await metricsOf(ingress)).toMatch(/^stemkeeper_spool_files\{shard="a"\} 0$/m)
  expect(await metricsOf(worker)).toMatch(/^stemkeeper_shard_up\{shard="b"\} 0$/m)

  const list = (await board.ask('/api/separations')).body
  expect(list).toMatchObject({ shards_away: ['b'], next_cursor: null })
  expect(list.separations.map(({ task_id }: Record<string, string>) => task_id).sort()).toEqual(
    [before, after, ...alive].sort(),
  )
  for (const path of ['/api/quarantine', '/api/notifications']) {
    expect(await board.ask(path)).toMatchObject({ status: 200, body: { shards_away: ['b'] } })
  }
  const page = await (await fetch(board.url, { headers: { authorization: AUTHORIZATION } })).text()
  expect(page).toContain('Redis is away for the shard b')
  expect(page).toContain(before)
  expect(await board.ask(`/api/separations/${before}`)).toMatchObject({ status: 200, body: { shard: 'a' } })
  expect(await board.ask(`/api/separations/${known}`)).toMatchObject({ status: 503 })
  expect((await board.ask(`/api/separations/${known}`)).body.detail).toContain('shard b')
  expect((await board.ask('/queues/api/queues')).body.queues.map(({ name }: { name: string }) => name)).toEqual(
    expect.not.arrayContaining([expect.stringMatching(/^b: /)]),
  )
  const register = (task_id: string) => board.ask('/api/separations', { method: 'POST', body: { task_id } })
  expect(await register(idsOf('a', 9)[8] as string)).toMatchObject({ status: 202 })
  expect(await register(idsOf('b', 9)[8] as string)).toMatchObject({ status: 503 })

  await shards.b.start()
  for (const taskId of [held, ...dead]) expect(await finished(taskId)).toMatchObject({ status: 'complete' })
  await waitFor('the spool is empty', async () => (await readdir(spoolDir)).length === 0)
  const whole = await waitFor('the list is whole', async () => {
    const { body } = await board.ask('/api/separations?status=complete')
    return body.shards_away ? undefined : body
  })
  expect(whole.separations).toHaveLength(9 + 2)
})

const AUTHORIZATION = `Basic ${btoa('admin:a-password-for-tests')}`

test('a shard that hangs holds up nobody whose task is in another one', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards) })
  const [ofA, ofB] = [idsOf('a', 3), idsOf('b', 3)]
  shards.b.signal('SIGSTOP')
  onTestFinished(() => shards.b.signal('SIGCONT'))

  const answers = await Promise.all([...ofA, ...ofB].map((taskId) => send(system, taskId)))
  expect(answers).toEqual([...ofA.map(() => 'accepted'), ...ofB.map(() => 'spooled')])
  for (const taskId of ofA) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })

  await shards.a.kill() // what goes to the spool now is older than nothing of b, and must not wait behind it
  const late = idsOf('a', 4)[3] as string
  expect(await send(system, late)).toBe('spooled')
  await shards.a.start()
  expect(await system.finished(late)).toMatchObject({ status: 'complete' })
  expect(await readdir(system.spoolDir)).toHaveLength(ofB.length)

  shards.b.signal('SIGCONT')
  for (const taskId of ofB) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
})

test('what an ingress that was killed has left in the spool reaches its shard although the other is away', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards) })
  const [ofA, ofB] = [idsOf('a', 2), idsOf('b', 2)]
  await Promise.all([shards.a.kill(), shards.b.kill()])
  await waitFor('ingress has noticed', async () => (await readyz(system.ingress)) === 503)
  for (const taskId of [...ofB, ...ofA]) expect(await send(system, taskId)).toBe('spooled')
  await system.ingress.stop('SIGKILL')

  const ingress = await system.addIngress()
  expect(await metricsOf(ingress)).toMatch(/^stemkeeper_spool_files\{shard="\(unread\)"\} 4$/m)
  await shards.a.start()
  for (const taskId of ofA) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
  expect(await metricsOf(ingress)).toMatch(/^stemkeeper_spool_files\{shard="b"\} 2$/m)
  await shards.b.start()
  for (const taskId of ofB) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
})

test('a worker that serves some shards leaves the others alone, and one of an unknown name does not start', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards), workers: 0 })
  const [ofA, ofB] = [idsOf('a', 2), idsOf('b', 2)]
  for (const taskId of [...ofA, ...ofB]) await send(system, taskId)

  await system.addWorker({ WORKER_SHARDS: 'b', ...EAGER })
  for (const taskId of ofB) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
  for (const taskId of ofA) expect(await system.manifest(taskId)).toBeUndefined()
  const other = await system.addWorker({ WORKER_SHARDS: 'a' })
  for (const taskId of ofA) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
  expect(await metricsOf(other)).not.toMatch(/^stemkeeper_jobs.*shard="b"/m)

  const wrong = spawnApp('worker', { ...system.env, WORKER_SHARDS: 'a,c' })
  expect(await wrong.ended).toMatchObject({ code: 1 })
  expect(wrong.output()).toContain('WORKER_SHARDS: entry 2 is no shard of REDIS_URL; there are a, b')
})

test.each([
  ['of a process', { DOWNLOAD_CONCURRENCY: '2' }, 1],
  ['over all workers', { DOWNLOAD_GLOBAL_CONCURRENCY: '2' }, 2],
])('the limit of stems at once %s holds for all shards together', async (_which, limit, workers) => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards), workers, worker: { ...EAGER, ...limit } })
  for (const path of [VOCAL, INSTRUMENTAL]) {
    system.provider.alwaysBehave(path, { kind: 'slow', bytesPerSecond: 60_000 }) // so that what runs at once is seen to
  }
  const taskIds = [...idsOf('a', 3), ...idsOf('b', 3)]
  for (const taskId of taskIds) await send(system, taskId)
  for (const taskId of taskIds) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
  expect(system.provider.concurrency().most).toBe(2)
})

test('a worker that is told to stop leaves in time although one of its shards is dead', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards) })
  const worker = system.workers[0] as App
  const [ofA] = idsOf('a', 1) as [string]
  await send(system, ofA)
  await system.finished(ofA)
  await shards.b.kill()
  await worker.logged('b is away', (line) => line.msg === 'redis.away' && line.shard === 'b')

  const startedAt = performance.now()
  expect(await worker.stop()).toMatchObject({ code: 0 })
  expect(performance.now() - startedAt).toBeLessThan(20_000) // long before the limit that would end it by force
})

test('all start although one of two Redis has never been there, and use it when it comes', async () => {
  const shards = await startShards('a', 'b')
  await shards.b.kill()
  const system = await startSystem({ redisUrl: urlsOf(shards) })
  const board = await system.addBoard()
  const [ofA, ofB] = [idsOf('a', 1)[0] as string, idsOf('b', 1)[0] as string]
  expect(await send(system, ofA)).toBe('accepted')
  expect(await send(system, ofB)).toBe('spooled')
  expect(await system.finished(ofA)).toMatchObject({ status: 'complete' })
  expect((await board.ask('/api/separations')).body).toMatchObject({ shards_away: ['b'] })

  await shards.b.start()
  expect(await system.finished(ofB)).toMatchObject({ status: 'complete' })
})

test("what Redis has forgotten is driven again in its own shard, and nobody's sweep takes another's for forgotten", async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards), worker: EAGER })
  const gate = Promise.withResolvers<void>()
  const waits = { kind: 'wait', until: gate.promise } as const
  system.provider.behave(VOCAL, waits, waits)
  const [ofA, ofB] = [idsOf('a', 1)[0] as string, idsOf('b', 1)[0] as string]
  for (const taskId of [ofA, ofB]) await send(system, taskId)
  await waitFor('both are being fetched', () => system.provider.hits(VOCAL) === 2)

  const admin = new Redis(shards.a.url)
  await admin.flushall()
  admin.disconnect()
  await system.workers[0]?.logged('it is driven again', (line) => `${line.msg}`.startsWith('reconcile.forgotten'))
  gate.resolve()

  for (const taskId of [ofA, ofB]) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
  expect(await heldBy(shards.a, system.env.QUEUE_PREFIX)).toEqual([ofA])
  expect(await heldBy(shards.b, system.env.QUEUE_PREFIX)).toEqual([ofB])
})

test('a shard is added while work is under way: each job stays where it is and is done once', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: `${shards.a.url}#a`, workers: 0 })
  const moved = idsOf('b', 2)
  for (const taskId of moved) await send(system, taskId)
  const both = { REDIS_URL: urlsOf(shards) }
  const gate = Promise.withResolvers<void>()
  const waits = { kind: 'wait', until: gate.promise } as const
  system.provider.behave(VOCAL, waits, waits)

  const worker = await system.addWorker({ ...both, ...EAGER })
  await waitFor('both are being fetched', () => system.provider.hits(VOCAL) === 2)
  await waitFor('their notes are old enough to be looked at, and were', () => wasLookedInto(shards.b))
  const board = await system.addBoard(both)
  expect(await board.ask(`/api/separations/${moved[0]}`)).toMatchObject({ body: { status: 'downloading', shard: 'a' } })
  expect((await board.ask(`/api/separations/${moved[0]}/replay`, { method: 'POST' })).status).toBe(409)
  gate.resolve()

  for (const taskId of moved) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
  expect(system.provider.hits(VOCAL)).toBe(2)
  expect(await heldBy(shards.b, system.env.QUEUE_PREFIX)).toEqual([])
  expect(worker.log.filter((line) => `${line.msg}`.startsWith('reconcile.forgotten'))).toEqual([])
})

test('a shard is taken away: what it holds is finished, what comes goes to the others, and nothing is done twice', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards), workers: 0 })
  const [before, after] = idsOf('b', 2) as [string, string]
  await send(system, before)
  await system.ingress.stop()
  const ingress = await system.addIngress({ REDIS_URL: `${shards.a.url}#a` })
  const callback = documentedPayload('separate-vocal', { taskId: after, files: system.provider.url })
  const { body } = await postJson(`${ingress.url}/callbacks/separation/${TOKEN}`, callback)
  expect(body.status).toBe('accepted')
  const gate = Promise.withResolvers<void>()
  const waits = { kind: 'wait', until: gate.promise } as const
  system.provider.behave(VOCAL, waits, waits)

  const worker = await system.addWorker(EAGER) // with the whole list
  await waitFor('both are being fetched', () => system.provider.hits(VOCAL) === 2)
  await waitFor('their notes are old enough to be looked at, and were', () => wasLookedInto(shards.b))
  gate.resolve()

  for (const taskId of [before, after]) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })
  expect(await heldBy(shards.a, system.env.QUEUE_PREFIX)).toEqual([after])
  expect(await heldBy(shards.b, system.env.QUEUE_PREFIX)).toEqual([before])
  expect(system.provider.hits(VOCAL)).toBe(2)
  expect(worker.log.filter((line) => `${line.msg}`.startsWith('reconcile.forgotten'))).toEqual([])
})

test('the commands reach every shard, and say which one is away', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards) })
  const [ofA, ofB] = [idsOf('a', 1)[0] as string, idsOf('b', 1)[0] as string]
  for (const taskId of [ofA, ofB]) {
    await send(system, taskId)
    await system.finished(taskId)
  }
  const run = async (name: string, ...args: string[]) => {
    const script = runScript(name, await emptyDirectory(), system.env, ...args)
    return { code: await script.ended, output: script.output() }
  }
  const replayed = await run('replay', ofA, ofB)
  expect(replayed).toMatchObject({ code: 0 })
  expect(replayed.output).toContain(`${ofA} is being worked on again`)
  expect(replayed.output).toContain(`${ofB} is being worked on again`)

  await shards.b.kill()
  const expected = await run('expect', ofA)
  expect(expected).toMatchObject({ code: 0 })
  expect(expected.output).toContain('Redis does not answer for the shard b')
  expect(expected.output).toContain(`${ofA} is known`)
  expect(await run('expect', ofB)).toMatchObject({ code: 1 })
  expect(await run('replay', 'quarantine')).toMatchObject({ code: 1 })
})

test('the quarantine of all shards is listed, and tried again where each payload is', async () => {
  const shards = await startShards('a', 'b')
  const system = await startSystem({ redisUrl: urlsOf(shards), workers: 0 })
  const board = await system.addBoard()
  const [ofA, ofB] = [idsOf('a', 2), idsOf('b', 2)]
  for (const taskId of [...ofA, ...ofB]) {
    const strange = { version: 2, data: { task_id: taskId, tracks: [] } }
    expect((await system.post(strange)).body.status).toBe('quarantined')
  }

  const { body } = await board.ask('/api/quarantine')
  expect(body).toMatchObject({ total: 4, page: 1, pages: 1 })
  const held = body.entries.map(({ task_id }: Record<string, string>) => task_id)
  expect(held.toSorted()).toEqual([...ofA, ...ofB].sort())
  const times = body.entries.map(({ received_at }: Record<string, string>) => received_at)
  expect(times).toEqual(times.toSorted().toReversed()) // the newest first, over both
  const one = await board.ask(`/api/quarantine/${ofB[0]}/release`, { method: 'POST' })
  expect(one).toMatchObject({ status: 200, body: { unreadable: 1 } })
  const all = await board.ask('/api/quarantine/release', { method: 'POST' })
  expect(all).toMatchObject({ status: 200, body: { unreadable: 4 } })
  await shards.b.kill()
  const left = await board.ask('/api/quarantine/release', { method: 'POST' })
  expect(left).toMatchObject({ status: 200, body: { unreadable: 2, shards_away: ['b'] } })
})

test('notifications of all shards are listed, and sent again wherever they are', async () => {
  let status = 410 // nobody wants it: it is not tried again by itself
  const told: string[] = []
  const receiver = createServer((request, response) => {
    told.push(`${request.headers['webhook-id']} ${status}`)
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  onTestFinished(() => {
    receiver.closeAllConnections()
    receiver.close()
  })
  const shards = await startShards('a', 'b')
  const system = await startSystem({
    redisUrl: urlsOf(shards),
    worker: {
      NOTIFY_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
      NOTIFY_SECRET: `whsec_${Buffer.from('a secret of this test'.padEnd(32, '.')).toString('base64')}`,
      NOTIFY_ALLOW_PRIVATE: 'true',
    },
  })
  const board = await system.addBoard()
  for (const taskId of [...idsOf('a', 1), ...idsOf('b', 2)]) await send(system, taskId)
  const failed = await waitFor('three have failed', async () => {
    const { body } = await board.ask('/api/notifications')
    return body.counts.failed === 3 ? body.notifications : undefined
  })
  status = 204

  for (const { id } of failed.slice(0, 2)) {
    expect((await board.ask(`/api/notifications/${id}/replay`, { method: 'POST' })).status).toBe(202)
  }
  await waitFor('two are told', () => told.filter((line) => line.endsWith('204')).length === 2)
  expect((await board.ask('/api/notifications/replay', { method: 'POST' })).body).toEqual({ sent_again: 1 })
  const ids = failed.map(({ id }: Record<string, string>) => `${id} 204`)
  await waitFor('all are told', () => ids.every((line: string) => told.includes(line)))
  expect(await board.ask('/api/notifications/msg_0123456789abcdef/replay', { method: 'POST' })).toMatchObject({
    status: 404,
  })
})
