import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { startWatchedRedis, type Watched } from '../support/redis-sentinels.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

/** What the gateway waits for an answer. */
const MOST_MS = 15_000
/** Sentinels that could not run for two seconds act on nothing for thirty more (their TILT mode). */
const PAST_TILT = { withinMs: 90_000 }

let redis: Watched
beforeAll(async () => {
  redis = await startWatchedRedis()
}, 60_000)
afterAll(() => redis.close())

/** Whoever is the master now: a machine that is busy may see another failover. */
const hasBothReplicas = async () => {
  const info = await redis.ask(await redis.master(), 'INFO', 'replication').catch(() => '')
  return info.match(/^slave\d:.*state=online/gm)?.length === 2
}

const startWatched = async (minReplicas: number) => {
  const shared = { ...redis.env, REDIS_MIN_REPLICAS: `${minReplicas}` }
  const system = await startSystem({ shared, workers: 2, ingress: { LOG_LEVEL: 'debug' } })
  await waitFor('ingress is ready', async () => (await fetch(`${system.ingress.url}/readyz`)).ok)
  const send = async (taskId: string) => {
    const since = performance.now()
    const { status, body } = await system.post(
      documentedPayload('separate-vocal', { taskId, files: system.provider.url }),
    )
    return { taskId, status, answer: body.status, ms: performance.now() - since }
  }
  return { send, ...system }
}

test('what the master has and too few replicas have is not answered as accepted: it goes to the spool, and home when they are back', async () => {
  const { send, finished } = await startWatched(1)
  const master = await redis.master()
  const replicas = redis.nodes.filter((node) => node !== master)
  expect(await send('before')).toMatchObject({ status: 200, answer: 'accepted' })

  for (const replica of replicas) replica.signal('SIGSTOP')
  const answers = await Promise.all(['1', '2', '3', '4', '5'].map((each) => send(`unacknowledged-${each}`)))
  expect(answers.map(({ status, answer }) => [status, answer])).toEqual(answers.map(() => [200, 'spooled']))
  expect(answers.filter(({ ms }) => ms > MOST_MS)).toEqual([])

  for (const replica of replicas) replica.signal('SIGCONT')
  await waitFor('they are heard again', async () => (await send('after')).answer !== 'spooled')
  for (const { taskId } of answers) expect(await finished(taskId)).toMatchObject({ status: 'complete' })
})

test('a master that refuses writes for want of replicas is no reason to refuse a callback', async () => {
  const { send, finished } = await startWatched(0)
  const master = await redis.master()
  await redis.ask(master, 'CONFIG', 'SET', 'min-replicas-to-write', '3')
  expect(await send('refused')).toMatchObject({ status: 200, answer: 'spooled' })
  await redis.ask(master, 'CONFIG', 'SET', 'min-replicas-to-write', '1')
  expect(await finished('refused')).toMatchObject({ status: 'complete' })
})

test('the master is killed while callbacks come, a replica is promoted: whatever was answered 200 comes home whole', {
  timeout: 240_000,
}, async () => {
  const { send, finished, sha256 } = await startWatched(1)
  const old = await redis.master()

  let isOver = false
  const answers: Awaited<ReturnType<typeof send>>[] = []
  const sender = async (name: string) => {
    for (let each = 1; !isOver; each++) {
      answers.push(await send(`${name}-${each}`))
      await sleep(20)
    }
  }
  const senders = ['a', 'b', 'c', 'd'].map(sender)
  await waitFor('callbacks come in', () => answers.length >= 40)
  await old.kill()
  await waitFor('a replica is the master', async () => (await redis.master()) !== old, PAST_TILT)
  const isAccepted = (since: number) => answers.slice(since).some(({ answer }) => answer === 'accepted')
  const atFailover = answers.length
  await waitFor('Redis takes callbacks again', () => isAccepted(atFailover))
  await old.start()
  await waitFor('the master has both of the others behind it again', hasBothReplicas, PAST_TILT)
  const atReturn = answers.length
  await waitFor('callbacks are taken after its return', () => isAccepted(atReturn))
  isOver = true
  await Promise.all(senders)

  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  expect(new Set(answers.map(({ answer }) => answer))).toEqual(new Set(['accepted', 'spooled']))
  expect(answers.filter(({ ms }) => ms > MOST_MS)).toEqual([])
  for (const { taskId } of answers) {
    const { status, stems } = await finished(taskId)
    expect([taskId, status]).toEqual([taskId, 'complete'])
    for (const stem of Object.values(stems)) {
      if (stem.status === 'saved') expect(await sha256(taskId, stem.file)).toBe(stem.sha256)
    }
  }
})
