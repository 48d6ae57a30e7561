import type { Backlog } from '@stems/queue/counts'
import { createLog } from '@stems/telemetry/log'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { createWatchdog } from '../src/watchdog.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const WINDOW_MS = 8000 // it looks eight times in a window
const LOOK_MS = WINDOW_MS / 8

const backlog = (waiting: number, { queue = 'stems', isHeld = false }: Partial<Backlog> = {}): Backlog[] => [
  { queue, waiting, isHeld },
]

/** A watchdog, and the jobs that wait; `undefined` while Redis is disconnected. */
const startWatchdog = (given: Backlog[] | undefined = []) => {
  const found = { backlogs: given as Backlog[] | undefined, isLeftAlone: false }
  const lines: { level: string; msg: string }[] = []
  const watchdog = createWatchdog({
    counter: { backlogs: async () => found.backlogs ?? Promise.reject(new Error('connection refused')) },
    stuckMs: WINDOW_MS,
    isLeftAlone: () => found.isLeftAlone,
    log: createLog('test', 'info', { write: (line) => void lines.push(JSON.parse(line)) }),
  })
  onTestFinished(() => watchdog.close())
  watchdog.start()
  const pass = async (ms: number, backlogs = found.backlogs) => {
    found.backlogs = backlogs
    await vi.advanceTimersByTimeAsync(ms)
    return watchdog.stuck()
  }
  const redisIsAway = async (ms: number) => {
    found.backlogs = undefined
    await vi.advanceTimersByTimeAsync(ms)
    return watchdog.stuck()
  }
  return { ...watchdog, found, lines, pass, redisIsAway }
}

test('jobs that wait for the whole window while nothing is done make a stuck process', async () => {
  const { pass, lines } = startWatchdog(backlog(2))
  expect(await pass(WINDOW_MS - 1)).toBeUndefined()
  expect(await pass(1, backlog(3))).toBe('3 jobs are waiting in stems, and none taken here for 8 s')
  await pass(WINDOW_MS)
  expect(lines).toMatchObject([{ level: 'error', msg: expect.stringMatching(/^worker\.stuck/) }])
})

test('the reason names every queue, and for how long', async () => {
  const { pass } = startWatchdog([...backlog(1, { queue: 'separations' }), ...backlog(4)])
  expect(await pass(WINDOW_MS + LOOK_MS)).toBe(
    '1 job is waiting in separations, and none taken here for 9 s; 4 jobs are waiting in stems, and none taken here for 9 s',
  )
})

test('a process that does something now and then is not stuck, however long the others wait', async () => {
  const { busy, pass } = startWatchdog(backlog(5))
  for (let window = 0; window < 10; window++) {
    expect(await pass(WINDOW_MS - LOOK_MS)).toBeUndefined()
    busy('stems')
  }
})

test('a process that consumes again is stuck no longer', async () => {
  const { busy, pass, lines } = startWatchdog(backlog(1))
  expect(await pass(WINDOW_MS)).toBeDefined()
  busy('stems')
  expect(await pass(LOOK_MS)).toBeUndefined()
  expect(lines.map(({ msg }) => msg)).toEqual([expect.stringMatching(/^worker\.stuck/), 'worker.not_stuck'])
})

test('work on one queue does not hide that the other one stands still', async () => {
  const { busy, pass, stuck } = startWatchdog(backlog(1))
  for (let looks = 0; looks < 8; looks++) {
    busy('separations')
    await pass(LOOK_MS)
  }
  expect(stuck()).toContain('stems')
})

test.each<[string, Backlog[]]>([
  ['nothing waits', backlog(0)],
  ['no worker may take the jobs that wait', backlog(7, { isHeld: true })],
])('the window starts anew when for one look %s', async (_when, between) => {
  const { pass } = startWatchdog(backlog(7))
  await pass(WINDOW_MS - LOOK_MS)
  await pass(LOOK_MS, between)
  expect(await pass(WINDOW_MS, backlog(7))).toBeUndefined()
  expect(await pass(LOOK_MS)).toBeDefined()
})

test('the window starts anew when Redis was away', async () => {
  const { pass, redisIsAway } = startWatchdog(backlog(7))
  await pass(WINDOW_MS - LOOK_MS)
  await redisIsAway(LOOK_MS)
  expect(await pass(WINDOW_MS, backlog(7))).toBeUndefined()
  expect(await pass(LOOK_MS)).toBeDefined()
})

test('a process is not stuck any more when Redis goes away: a restart would not help', async () => {
  const { pass, redisIsAway } = startWatchdog(backlog(1))
  expect(await pass(WINDOW_MS)).toBeDefined()
  expect(await redisIsAway(LOOK_MS)).toBeUndefined()
})

test('a process that was itself paused does not blame itself for the time', async () => {
  const { pass } = startWatchdog(backlog(1))
  await pass(WINDOW_MS / 2)
  const before = performance.now
  const paused = vi.spyOn(performance, 'now').mockImplementation(() => before.call(performance) + 100 * WINDOW_MS)
  onTestFinished(() => paused.mockRestore())
  expect(await pass(WINDOW_MS)).toBeUndefined()
  expect(await pass(LOOK_MS)).toBeDefined()
})

test('a queue that was busy long ago counts from when jobs began to wait', async () => {
  const { busy, pass } = startWatchdog()
  busy('stems')
  await pass(10 * WINDOW_MS)
  expect(await pass(WINDOW_MS, backlog(1))).toBeUndefined()
})

test('a queue that is left alone for a reason makes nobody stuck', async () => {
  const { found, pass } = startWatchdog(backlog(2))
  found.isLeftAlone = true
  expect(await pass(3 * WINDOW_MS)).toBeUndefined()
})
