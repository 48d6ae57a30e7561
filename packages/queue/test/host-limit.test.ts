import { randomUUID } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createHostLimit, type HostLimitOptions, NoTurnError, type Turn, type Waiter } from '../src/host-limit.ts'
import { awaitReady, connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const LINK = 'https://far.side/a.mp3'
const OTHER = 'https://other.side/a.mp3'

/** Limits of several processes in one Redis, and who waits there. */
const startLimits = async (options: Partial<HostLimitOptions>, { url = inject('redisUrl'), processes = 2 } = {}) => {
  const prefix = `test-${randomUUID()}`
  const refused: string[] = []
  const start = async () => {
    const redis = connectImpatiently({ url }, SILENT)
    await awaitReady(redis, 5000)
    const onRefused = (reason: string) => void refused.push(reason)
    const limit = createHostLimit({ redis, prefix, log: SILENT, onRefused, ...options })
    onTestFinished(() => {
      limit.close()
      disconnect(redis)
    })
    return { limit, redis }
  }
  const started = await Promise.all(Array.from({ length: processes }, start))
  const [first] = started as [(typeof started)[0]]
  let jobs = 0
  const waiter = (more: Partial<Waiter> = {}): Waiter => ({
    queue: 'a',
    jobId: `job-${jobs++}`,
    priority: 5,
    leftMs: Number.POSITIVE_INFINITY,
    ...more,
  })
  const keys = () => first.redis.keys(`${prefix}:*`)
  return { limits: started.map(({ limit }) => limit), redis: first.redis, waiter, keys, refused, limit: first.limit }
}

const refusalOf = (turn: Promise<Turn>): Promise<NoTurnError> =>
  turn.then(
    () => Promise.reject(new Error('there was a turn')),
    (error: unknown) => (error instanceof NoTurnError ? error : Promise.reject(error)),
  )

test('all processes together have as many turns of a host at once as may be, and other hosts have their own', async () => {
  const { limits, waiter, refused } = await startLimits({ connections: 3 })
  const asked = Array.from({ length: 20 }, (_, index) => limits[index % 2]?.take(LINK, waiter()))
  const answers = await Promise.allSettled(asked)
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
  expect(new Set(refused)).toEqual(new Set(['connections']))
  await limits[0]?.take(OTHER, waiter())
})

test('a host is the same in upper case, with its usual port and with a dot at its end; another port is another', async () => {
  const { limit, waiter } = await startLimits({ connections: 1 })
  await limit.take(LINK, waiter())
  for (const same of ['https://FAR.side/b', 'https://far.side:443/', 'https://far.side./c']) {
    expect(await refusalOf(limit.take(same, waiter()))).toMatchObject({ host: 'far.side', reason: 'connections' })
  }
  await limit.take('https://far.side:8443/', waiter())
})

test('a turn that is given back wakes the first in line, by priority', async () => {
  const { limit, waiter } = await startLimits({ connections: 1 })
  const woken: string[] = []
  limit.serve('a', async (jobId) => woken.push(jobId) > 0)
  const turn = await limit.take(LINK, waiter())
  await refusalOf(limit.take(LINK, waiter({ jobId: 'late', priority: 9 })))
  await refusalOf(limit.take(LINK, waiter({ jobId: 'early', priority: 2 })))
  await turn.end()
  await turn.end()
  expect(woken).toEqual(['early'])
})

test('who is far behind gets no turn that others wait for', async () => {
  const { limit, waiter } = await startLimits({ connections: 1 })
  const turn = await limit.take(LINK, waiter())
  for (let index = 0; index < 10; index++) await refusalOf(limit.take(LINK, waiter({ priority: index })))
  await turn.end()
  expect(await refusalOf(limit.take(LINK, waiter({ priority: 20 })))).toMatchObject({ reason: 'order' })
  await limit.take(LINK, waiter({ priority: 0 }))
})

test('who has left the line, or whose job is gone, keeps nobody from his turn', async () => {
  const { limit, waiter } = await startLimits({ connections: 1 })
  limit.serve('a', async () => false)
  const turn = await limit.take(LINK, waiter())
  const gone = Array.from({ length: 10 }, () => waiter({ priority: 1 }))
  for (const one of gone) await refusalOf(limit.take(LINK, one))
  for (const one of gone.slice(1)) await limit.leave('far.side', one)
  await turn.end()
  await limit.take(LINK, waiter({ priority: 20 }))
})

test('the further behind, the later he asks again: a long line is not asked more often than a short one', async () => {
  const { limit, waiter } = await startLimits({ connections: 1 })
  await limit.take(LINK, waiter())
  const waits: number[] = []
  for (let index = 0; index < 3000; index++) {
    waits.push((await refusalOf(limit.take(LINK, waiter({ priority: index })))).waitMs)
  }
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(750)
  expect(Math.max(...waits)).toBeLessThanOrEqual(375_000)
  const askedPerSecond = (line: number[]) => line.reduce((sum, ms) => sum + 1000 / ms, 0)
  expect(askedPerSecond(waits.slice(0, 100))).toBeGreaterThan(15)
  expect(askedPerSecond(waits)).toBeLessThan(90)
})

test('the turn of a process that was killed is free again; one that is held longer than a lease stays', async () => {
  const { limits, waiter } = await startLimits({ connections: 2, leaseMs: 300 })
  const [killed, alive] = limits as [(typeof limits)[0], (typeof limits)[0]]
  await killed.take(LINK, waiter())
  const held = await alive.take(LINK, waiter())
  killed.close() // no longer renews
  await waitFor('its lease is over', () =>
    alive.take(LINK, waiter({ jobId: 'next' })).then(
      () => true,
      () => false,
    ),
  )
  await refusalOf(alive.take(LINK, waiter({ jobId: 'one more' })))
  await held.end()
})

test('so many requests a second as may be, and no more', async () => {
  const { limits, waiter, refused } = await startLimits({ requestsPerSecond: 5 })
  const startedAt = performance.now()
  const asked = await Promise.allSettled(
    Array.from({ length: 30 }, (_, index) => limits[index % 2]?.take(LINK, waiter({ priority: index }))),
  )
  const given = asked.filter(({ status }) => status === 'fulfilled').length
  expect(given).toBeGreaterThanOrEqual(5)
  expect(given).toBeLessThanOrEqual(5 + Math.ceil(((performance.now() - startedAt) / 1000) * 5))
  expect(new Set(refused)).toEqual(new Set(['rate']))
  await waitFor('there is a turn again', () =>
    limits[0]?.take(LINK, waiter({ jobId: 'again', priority: 0 })).catch(() => undefined),
  )
})

test('a host that wants to be left alone is left alone by all, for as long as it says; others are not', async () => {
  const { limits, waiter } = await startLimits({})
  const [one, other] = limits as [(typeof limits)[0], (typeof limits)[0]]
  await (await one.take(LINK, waiter())).leaveAlone(60_000, 'far.side')
  for (const limit of limits) {
    const refusal = await refusalOf(limit.take(LINK, waiter()))
    expect(refusal.reason).toBe('pause')
    expect(refusal.waitMs).toBeGreaterThan(55_000)
    expect(refusal.waitMs).toBeLessThan(65_000)
  }
  await other.take(OTHER, waiter())
})

test('a host to which a redirect led is left alone as well', async () => {
  const { limit, waiter } = await startLimits({})
  await (await limit.take(LINK, waiter())).leaveAlone(60_000, 'other.side')
  for (const link of [LINK, OTHER]) expect((await refusalOf(limit.take(link, waiter()))).reason).toBe('pause')
})

test('who must be home before that asks all the same', async () => {
  const { limit, waiter } = await startLimits({})
  await (await limit.take(LINK, waiter())).leaveAlone(60_000, 'far.side')
  await limit.take(LINK, waiter({ leftMs: 30_000 }))
  await limit.take(LINK, waiter({ leftMs: -5 }))
})

test('a host that does not say for how long is left alone for a second, then for two, and not twice for one word', async () => {
  const { limit, waiter } = await startLimits({})
  const turns = await Promise.all([1, 2, 3].map(() => limit.take(LINK, waiter())))
  for (const turn of turns) await turn.leaveAlone(undefined, 'far.side')
  const once = await refusalOf(limit.take(LINK, waiter()))
  expect(once.waitMs).toBeLessThan(1300)
  const turn = await waitFor('it may be asked', () =>
    limit.take(LINK, waiter({ jobId: 'next' })).catch(() => undefined),
  )
  await turn.leaveAlone(0, 'far.side')
  expect((await refusalOf(limit.take(LINK, waiter()))).waitMs).toBeGreaterThan(1300)
})

test('no host asks for more than an hour', async () => {
  const { limit, waiter } = await startLimits({})
  await (await limit.take(LINK, waiter())).leaveAlone(10 ** 9, 'far.side')
  expect((await refusalOf(limit.take(LINK, waiter()))).waitMs).toBeLessThan(3_700_000)
})

test('every key about a host expires', async () => {
  const { limit, waiter, keys, redis } = await startLimits({ connections: 1, requestsPerSecond: 5 })
  const turn = await limit.take(LINK, waiter())
  await refusalOf(limit.take(LINK, waiter()))
  await turn.leaveAlone(1000, 'far.side')
  const kept = await keys()
  expect(kept.length).toBe(5)
  for (const key of kept) expect(await redis.pttl(key)).toBeGreaterThan(0)
})

test('while Redis is away each process counts by itself, and what it holds counts when Redis is back', async () => {
  const server = await startRedisServer()
  onTestFinished(() => server.close())
  const { limits, waiter } = await startLimits({ connections: 2, leaseMs: 600 }, { url: server.url })
  const [one, other] = limits as [(typeof limits)[0], (typeof limits)[0]]
  await server.kill()
  const turns = [await one.take(LINK, waiter()), await one.take(LINK, waiter())]
  await refusalOf(one.take(LINK, waiter()))
  await server.start()
  await waitFor('the other one hears of them', () =>
    other.take(LINK, waiter()).then(
      (turn) => turn.end().then(() => false),
      (error) => error instanceof NoTurnError,
    ),
  )
  await Promise.all(turns.map((turn) => turn.end()))
  await waitFor('there are turns again', () => other.take(LINK, waiter()).catch(() => undefined))
})
