import { expect, test } from 'vitest'
import { backoffMs } from '../src/backoff.ts'

const many = (draw: () => number) => Array.from({ length: 500 }, draw)
const HOUR = 3_600_000

test.each([
  [1, 1000],
  [2, 2000],
  [5, 16_000],
  [6, 30_000],
  [100, 30_000],
  [100_000, 30_000],
])('after failure %i the wait is between half and all of %i ms', (attemptsMade, ceiling) => {
  const waits = many(() => backoffMs(attemptsMade, 1000, 30_000))
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(ceiling / 2)
  expect(Math.max(...waits)).toBeLessThanOrEqual(ceiling)
  expect(new Set(waits).size).toBeGreaterThan(1)
})

test.each([
  [1, 1],
  [1500, 1500],
  [HOUR, HOUR],
  [HOUR + 1, HOUR],
  [Number.POSITIVE_INFINITY, HOUR],
])('a wish for %d ms is honoured with %i ms and a little jitter', (wish, wait) => {
  const waits = many(() => backoffMs(1, 1, 30_000, wish))
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(wait)
  expect(Math.max(...waits)).toBeLessThanOrEqual(wait + 250)
})

test('a wish that is shorter than the backoff does not use up the attempts sooner', () => {
  for (const wish of [0, 1500]) {
    expect(Math.min(...many(() => backoffMs(50, 1000, 30_000, wish)))).toBeGreaterThanOrEqual(15_000)
  }
})

test('a wait is a whole number of milliseconds, whatever is asked', () => {
  const waits = [0, 1, 3, 2000].flatMap((made) => [backoffMs(made, 1, 7), backoffMs(made, 333, 1001, 10)])
  expect(waits.filter((wait) => !Number.isSafeInteger(wait) || wait < 0)).toEqual([])
})
