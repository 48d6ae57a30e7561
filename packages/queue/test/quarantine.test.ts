import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Separation } from '@stems/domain/separation'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createQuarantine, type Release, type Released } from '../src/quarantine.ts'
import { QuarantineFullError } from '../src/quarantine-bounds.ts'
import { QueueAwayError } from '../src/queue-away-error.ts'
import { connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

/** A quarantine over a real Redis, and `another` one over the same queue, as a second process has it. */
const startQuarantine = async (bounds: { limit?: number; maxBytes?: number } = {}) => {
  const prefix = `test-${randomUUID()}`
  const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
  await once(redis, 'ready')
  onTestFinished(() => disconnect(redis))
  const open = () => {
    const quarantine = createQuarantine({ redis, prefix, deadlineMs: 5000, ...bounds })
    return quarantine
  }
  const release = async (options: Partial<Release>): Promise<Released[]> => {
    const released: Released[] = []
    for await (const one of quarantine.release({ parse, submit, compareAgain, ...options })) released.push(one)
    return released
  }
  const quarantine = open()
  return { ...quarantine, release, another: open, redis, jobKey: (id: string) => `${prefix}:quarantine:${id}` }
}

const entryOf = (taskId: string, payload: unknown = { data: { task_id: taskId } }) => ({
  taskId,
  reason: 'data: is strange',
  receivedAt: new Date().toISOString(),
  payload,
})

const separationOf = (taskId: string): Separation => ({
  taskId,
  type: 'unknown',
  code: 200,
  msg: '',
  receivedAt: new Date().toISOString(),
  stems: [],
})

const parse: Release['parse'] = (payload) => separationOf((payload as { data: { task_id: string } }).data.task_id)
const submit: Release['submit'] = async () => 'accepted'
const compareAgain: Release['compareAgain'] = async () => {}

test('a payload is kept whole and once, and is listed with its reason, the newest first', async () => {
  const { keep, list, count } = await startQuarantine()
  const strange = { data: { task_id: 'a', 'naïve <key>': [null, 1.5, { deep: ['\u0000', '💿'] }] } }
  const first = entryOf('a', strange)
  await keep(first)
  await keep({ ...first, receivedAt: 'later' })
  await keep(entryOf('a', 'something else of the same task'))
  await keep(entryOf('b'))

  expect(await count()).toBe(3)
  const { total, entries } = await list(0, 2)
  expect([total, entries.map(({ taskId }) => taskId)]).toEqual([3, ['b', 'a']])
  expect((await list(2, 2)).entries).toEqual([{ ...first, id: expect.stringMatching(/^quarantine_a\.[0-9a-f]{16}$/) }])
  expect((await list(4, 2)).entries).toEqual([])
})

test('an entry that is accepted or a duplicate leaves, one that cannot be read stays with the newest reason', async () => {
  const { keep, release, list } = await startQuarantine()
  for (const taskId of ['new', 'known', 'odd']) await keep(entryOf(taskId))

  const released = await release({
    parse: (payload, receivedAt) => {
      const separation = parse(payload, receivedAt)
      if (separation.taskId === 'odd') throw new Error('still odd')
      return { ...separation, receivedAt }
    },
    submit: async ({ taskId }) => (taskId === 'new' ? 'accepted' : 'duplicate'),
  })

  const ids = { id: expect.any(String) }
  expect(released).toEqual([
    { ...ids, taskId: 'new', answer: 'accepted' },
    { ...ids, taskId: 'known', answer: 'duplicate' },
    { ...ids, taskId: 'odd', answer: 'unreadable', reason: 'still odd' },
  ])
  const { entries } = await list(0, 10)
  expect(entries).toEqual([{ ...entryOf('odd'), ...ids, receivedAt: expect.any(String), reason: 'still odd' }])
})

test('only the tasks that are named are tried again, with all their entries', async () => {
  const { keep, release, list } = await startQuarantine()
  for (const taskId of ['a', 'ab', 'a_b']) await keep(entryOf(taskId))
  await keep(entryOf('a', { data: { task_id: 'a' }, more: 1 }))

  const released = await release({ parse, submit, taskIds: ['a', 'nobody'] })

  expect(released.map(({ taskId }) => taskId)).toEqual(['a', 'a'])
  expect((await list(0, 10)).entries.map(({ taskId }) => taskId)).toEqual(['a_b', 'ab'])
})

test('an entry whose separation could not be submitted stays', async () => {
  const { keep, release, count } = await startQuarantine()
  await keep(entryOf('a'))
  const away = () => Promise.reject(new Error('gone'))
  await expect(release({ parse, submit: away })).rejects.toThrow(QueueAwayError)
  expect(await count()).toBe(1)
  expect(await release({ parse, submit })).toHaveLength(1)
  expect(await count()).toBe(0)
})

test('a release that ends after the submit leaves the entry, and the next one submits it again', async () => {
  const { keep, release, another, count } = await startQuarantine()
  await keep(entryOf('a'))
  const submitted: string[] = []
  const died = another()
  const dies: Release['submit'] = async ({ taskId }) => {
    submitted.push(taskId)
    throw new Error('killed')
  }
  await expect(died.release({ parse, submit: dies, compareAgain }).next()).rejects.toThrow()
  expect(await count()).toBe(1)
  await release({
    parse,
    submit: async ({ taskId }) => {
      submitted.push(taskId)
      return 'duplicate'
    },
  })
  expect([submitted, await count()]).toEqual([['a', 'a'], 0])
})

test('two who release at once get in nobody’s way', async () => {
  const { keep, release, another, count } = await startQuarantine()
  for (let n = 0; n < 20; n++) await keep(entryOf(`task-${n}`))
  const other = async () => {
    for await (const { answer } of another().release({ parse, submit, compareAgain })) expect(answer).toBe('accepted')
  }
  await Promise.all([other(), release({ parse, submit })])
  expect(await count()).toBe(0)
})

test('an entry that somebody else releases while it is tried does not come back', async () => {
  const { keep, release, list, redis, jobKey } = await startQuarantine()
  await keep(entryOf('a'))
  const [entry] = (await list(0, 1)).entries
  const released = await release({
    submit,
    parse: () => {
      redis.del(jobKey(entry?.id ?? '')).catch(() => {}) // on the same connection, so before whatever comes next
      throw new Error('still odd')
    },
  })
  expect(released).toMatchObject([{ answer: 'unreadable' }])
  expect(await redis.exists(jobKey(entry?.id ?? ''))).toBe(0)
})

test('a payload that is read as one of another task is not submitted', async () => {
  const { keep, release, count } = await startQuarantine()
  await keep(entryOf('verified', { data: { task_id: 'another' } }))
  const released = await release({ parse, submit })
  expect(released).toMatchObject([{ answer: 'unreadable', reason: expect.stringContaining('another task') }])
  expect(await count()).toBe(1)
})

test('a hundred at once do not overshoot the bound, and what is held already is no reason to refuse', async () => {
  const { keep, count } = await startQuarantine({ limit: 10 })
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => keep(entryOf(`task-${n}`))))
  const refusals = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason)
  expect([await count(), refusals.length]).toEqual([10, 90])
  expect(refusals.every((error) => error instanceof QuarantineFullError)).toBe(true)
  await keep(entryOf('task-0'))
})

test('each further process can overshoot the bound by one entry', async () => {
  const { keep, another, count } = await startQuarantine({ limit: 10 })
  const processes = [keep, another().keep, another().keep]
  await Promise.allSettled(Array.from({ length: 99 }, (_, n) => processes[n % 3]?.(entryOf(`task-${n}`))))
  expect(await count()).toBeGreaterThanOrEqual(10)
  expect(await count()).toBeLessThanOrEqual(12)
})

test('the bound in bytes counts all that is kept, and what leaves makes room', async () => {
  const size = Buffer.byteLength(JSON.stringify(entryOf('task-0', 'ä'.repeat(1000))))
  const { keep, release, count } = await startQuarantine({ maxBytes: 3 * size })
  for (const n of [0, 1, 2]) await keep(entryOf(`task-${n}`, 'ä'.repeat(1000)))
  await expect(keep(entryOf('task-3', ''))).rejects.toThrow(`the quarantine holds ${3 * size} bytes`)

  const readAll: Release['parse'] = () => separationOf('task-1')
  await release({ parse: readAll, submit, taskIds: ['task-1'] })
  await keep(entryOf('task-3', 'ä'.repeat(1000)))
  expect(await count()).toBe(3)
})

test('a reason of any length is cut', async () => {
  const { keep, release, list } = await startQuarantine()
  await keep({ ...entryOf('a'), reason: 'x'.repeat(100_000) })
  const reason = async () => (await list(0, 1)).entries[0]?.reason.length
  expect(await reason()).toBe(1000)
  const complain = () => {
    throw new Error('y'.repeat(5000))
  }
  await release({ parse: complain, submit })
  expect(await reason()).toBe(1000)
})

test('what the provider’s record did not bear out stays, unless its task is named: then it is compared once more', async () => {
  const { keep, release, list, count } = await startQuarantine()
  const separation = { ...separationOf('forged'), stems: [{ name: 'vocal', url: 'https://far.side/v.mp3?k=hunter2' }] }
  const entry = { ...entryOf('forged', separation), kind: 'unconfirmed' as const }
  await keep(entry)
  await keep(entryOf('odd'))
  expect(JSON.stringify((await list(0, 10)).entries)).not.toContain('hunter2')

  expect(await release({ parse, submit })).toMatchObject([
    { taskId: 'forged', answer: 'unconfirmed' },
    { taskId: 'odd', answer: 'accepted' },
  ])
  expect(await count()).toBe(1)

  const submitted: Separation[] = []
  const compareAgain: Release['compareAgain'] = async (again, onLeft) => {
    await onLeft()
    submitted.push(again)
    await keep(entry) // a worker that was quick
  }
  expect(await release({ compareAgain, taskIds: ['forged'] })).toMatchObject([{ taskId: 'forged', answer: 'accepted' }])
  expect(submitted).toEqual([separation])
  expect(await count()).toBe(1)
})

test('a callback that was set aside stays when its comparison cannot be asked for', async () => {
  const { keep, release, count } = await startQuarantine()
  await keep({ ...entryOf('forged', separationOf('forged')), kind: 'unconfirmed' })
  const compareAgain: Release['compareAgain'] = async () => Promise.reject(new Error('Redis is away'))
  await expect(release({ compareAgain, taskIds: ['forged'] })).rejects.toThrow(QueueAwayError)
  expect(await count()).toBe(1)
})
