import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createFileStore } from '@stems/store/file-store'
import { createLog } from '@stems/telemetry/log'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { createDanger } from '../src/danger.ts'

const DAY = 24 * 3600_000
const RECEIVED = '2026-01-01T00:00:00.000Z'
const DEADLINE = Date.parse('2026-01-15T00:00:00.000Z')

const startLooking = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-danger-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const store = createFileStore(folder)
  const lines: Record<string, unknown>[] = []
  const registry = new Registry()
  let now = 0
  const danger = createDanger({
    store,
    registry,
    log: createLog('worker', 'info', { write: (line) => void lines.push(JSON.parse(line)) }),
    now: () => now,
  })
  const figureAt = async (time: number) => {
    now = time
    await danger.look()
    return Number(/^stemkeeper_stems_in_danger (\d+)$/m.exec(await registry.metrics())?.[1])
  }
  const open = (taskId: string, links: Record<string, string | null>) =>
    store.noteOpen({
      taskId,
      type: 'unknown',
      code: 200,
      msg: '',
      receivedAt: RECEIVED,
      stems: Object.entries(links).map(([name, url]) => ({ name, url })),
    })
  const save = async (taskId: string, stem: string) => {
    const part = await store.createPart(taskId, stem)
    await part.write(Readable.from([Buffer.from('bytes')]), 0)
    await part.publish('mp3')
  }
  return { store, lines, figureAt, open, save }
}

test('a stem that is not home is in danger from two days before its deadline on, and until it is home', async () => {
  const { figureAt, open, save, store } = await startLooking()
  await open('task-1', { vocal: 'https://far.side/v.mp3', drums: 'https://far.side/d.mp3', fx: null })
  expect(await figureAt(DEADLINE - 2 * DAY)).toBe(0)
  expect(await figureAt(DEADLINE - 2 * DAY + 1)).toBe(2)
  await save('task-1', 'vocal')
  expect(await figureAt(DEADLINE - DAY)).toBe(1)
  expect(await figureAt(DEADLINE + DAY)).toBe(1)
  await store.noteClosed('task-1')
  expect(await figureAt(DEADLINE + DAY)).toBe(0)
})

test('each is warned of once a day, by name and with its deadline, and its link is not told', async () => {
  const { figureAt, open, lines } = await startLooking()
  await open('task-1', { vocal: 'https://far.side/v.mp3?k=hunter2' })
  const start = DEADLINE - 2 * DAY + 1
  for (const time of [start, start + 60_000, start + DAY - 1]) await figureAt(time)
  expect(lines).toMatchObject([
    { level: 'warn', msg: expect.stringMatching(/^stem\.in_danger/), taskId: 'task-1', stem: 'vocal' },
  ])
  expect(lines[0]).toMatchObject({ deadline: new Date(DEADLINE).toISOString() })
  await figureAt(start + DAY)
  expect(lines).toHaveLength(2)
  expect(JSON.stringify(lines)).not.toContain('hunter2')
})
