import { expect, test } from 'vitest'
import { deadlineOf, waitBefore } from '../src/file-deadline.ts'

test('the deadline is 14 days after the callback; where that time is not known, there is none', () => {
  expect(new Date(deadlineOf('2026-01-01T00:00:00.000Z')).toISOString()).toBe('2026-01-15T00:00:00.000Z')
  expect([deadlineOf(undefined), deadlineOf('soon')]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
})

test.each([
  ['that ends in time is left as it is', 10_000, 60_000, 10_000],
  ['that ends when the time is over is cut to half of what is left', 60_000, 60_000, 30_000],
  ['of an hour is cut to half of what is left', 3_600_000, 60_000, 30_000],
  ['is a second at least', 3_600_000, 1500, 1000],
  ['never goes beyond the deadline', 3_600_000, 300, 300],
  ['is none when the time is over', 1, 0, undefined],
  ['is none long after', 1, -5000, undefined],
  ['without a deadline is left as it is', 3_600_000, Number.POSITIVE_INFINITY, 3_600_000],
])('a wait %s', (_how, waitMs, leftMs, expected) => {
  expect(waitBefore(waitMs, leftMs)).toBe(expected)
})

test('whatever is asked for, no try comes after the deadline, and one comes close to it', () => {
  const tries: number[] = []
  let leftMs = 3_600_000
  for (let wait = waitBefore(900_000, leftMs); wait !== undefined; wait = waitBefore(900_000, leftMs)) {
    leftMs -= wait
    tries.push(leftMs)
  }
  expect(tries.every((left) => left >= 0)).toBe(true)
  expect(tries.filter((left) => left < 60_000).length).toBeGreaterThan(1)
  expect(tries.length).toBeLessThan(20)
})
