import type { Backlog, WorkedQueue } from '@stems/queue/counts'
import { expect, test } from 'vitest'
import { createStuckJudge } from '../src/stuck-judge.ts'

const backlog = (waiting: number, { queue = 'stems', isHeld = false }: Partial<Backlog> = {}): Backlog[] => [
  { queue, waiting, isHeld },
]

/** A judge with a window of 100, and somebody who looks every 10 from a time to another. */
const judgeOf100 = () => {
  const judge = createStuckJudge(100)
  const lookFrom = (from: number, to: number, backlogs: Backlog[] | undefined) => {
    for (let now = from; now <= to; now += 10) judge.look(backlogs, now)
  }
  return { ...judge, lookFrom }
}

test('jobs that wait for the whole window while nothing is done make a stuck process', () => {
  const { lookFrom, verdict } = judgeOf100()
  lookFrom(0, 90, backlog(2))
  expect(verdict()).toBeUndefined()
  lookFrom(100, 100, backlog(3))
  expect(verdict()).toBe('3 jobs are waiting in stems, and none taken here for 0 s')
})

test('the reason names every queue, and for how long', () => {
  const judge = createStuckJudge(2000)
  const both = [...backlog(1, { queue: 'separations' }), ...backlog(4)]
  for (let now = 0; now <= 2500; now += 500) judge.look(both, now)
  expect(judge.verdict()).toBe(
    '1 job is waiting in separations, and none taken here for 2 s; 4 jobs are waiting in stems, and none taken here for 2 s',
  )
})

test('a process that does something now and then is not stuck, however long the others wait', () => {
  const { busy, lookFrom, verdict } = judgeOf100()
  for (let now = 0; now < 1000; now += 90) {
    busy('stems', now)
    lookFrom(now, now + 80, backlog(5))
    expect(verdict()).toBeUndefined()
  }
})

test('a process that consumes again is stuck no longer', () => {
  const { busy, lookFrom, verdict } = judgeOf100()
  lookFrom(0, 100, backlog(1))
  expect(verdict()).toBeDefined()
  busy('stems', 105)
  lookFrom(110, 110, backlog(1))
  expect(verdict()).toBeUndefined()
})

test('work on one queue does not hide that the other one stands still', () => {
  const { busy, lookFrom, verdict } = judgeOf100()
  for (let now = 0; now <= 100; now += 10) {
    busy('separations', now)
    lookFrom(now, now, backlog(1))
  }
  expect(verdict()).toContain('stems')
})

test.each<[string, Backlog[] | undefined]>([
  ['nothing waits', backlog(0)],
  ['nobody may take what waits', backlog(7, { isHeld: true })],
  ['nobody knows what waits', undefined],
])('the window starts anew when for one look %s', (_when, between) => {
  const { lookFrom, verdict } = judgeOf100()
  lookFrom(0, 90, backlog(7))
  lookFrom(100, 100, between)
  lookFrom(110, 200, backlog(7))
  expect(verdict()).toBeUndefined()
  lookFrom(210, 210, backlog(7))
  expect(verdict()).toBeDefined()
})

test('Redis going away takes the verdict back: a restart would not help', () => {
  const { lookFrom, verdict } = judgeOf100()
  lookFrom(0, 100, backlog(1))
  lookFrom(110, 110, undefined)
  expect(verdict()).toBeUndefined()
})

test('a process that was itself paused does not blame itself for the time', () => {
  const { lookFrom, verdict } = judgeOf100()
  lookFrom(0, 50, backlog(1))
  lookFrom(5000, 5090, backlog(1))
  expect(verdict()).toBeUndefined()
})

test('a queue that was busy long ago counts from when jobs began to wait', () => {
  const { busy, lookFrom, verdict } = judgeOf100()
  busy('stems' satisfies WorkedQueue, 0)
  lookFrom(1000, 1090, backlog(1))
  expect(verdict()).toBeUndefined()
})
