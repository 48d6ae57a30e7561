import { expect, test } from 'vitest'
import { separationEvents } from '../src/separation-events.ts'
import type { WholeSeparation } from '../src/separation-schemas.ts'

const running: WholeSeparation = {
  task_id: 'task-1',
  status: 'downloading',
  type: 'unknown',
  code: 200,
  msg: '',
  received_at: '2026-01-01T00:00:00.000Z',
  finished_at: null,
  problem: null,
  counts: { ended: 0, total: 3 },
  stems: {},
  manifest_url: null,
  progress: {},
  manifest: null,
}

const openEvents = (heartbeatMs = 60_000) => {
  const now = { state: running as WholeSeparation | undefined, looks: 0 }
  const find = async () => {
    now.looks++
    if (now.state === undefined) throw new Error('Redis is away')
    return now.state
  }
  const closing = new AbortController()
  const events = separationEvents(running, find, { everyMs: 1, heartbeatMs }, closing.signal)
  return { now, closing, read: async () => (await events.next()).value as string | undefined }
}

test('a slow reader is sent the latest state, and the end whole and once', async () => {
  const { now, read } = openEvents()
  expect(await read()).toContain('event: status')
  for (const ended of [1, 2]) now.state = { ...running, counts: { ended, total: 3 } }
  const latest = await read()
  expect(latest).toContain('"ended":2')
  expect(latest).not.toContain('"ended":1')
  now.state = { ...running, status: 'complete', finished_at: '2026-01-01T00:01:00.000Z' }
  const last = await read()
  expect(last?.match(/^event: finished$/gm)).toHaveLength(1)
  expect(last?.endsWith('\n\n')).toBe(true)
  expect(await read()).toBeUndefined()
})

test('while nothing can be read a reader hears that the connection lives', async () => {
  const { now, read } = openEvents(20)
  await read()
  now.state = undefined
  expect(await read()).toBe(': still here\n\n')
  expect(now.looks).toBeGreaterThan(1)
})

test('a board that closes ends the events', async () => {
  const { closing, read } = openEvents()
  await read()
  closing.abort()
  expect(await read()).toBeUndefined()
})
