import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createArrivals, EACH_S, LONGEST_S, priorityOf, REST_S } from '../src/fair-order.ts'

const HIGHEST = 2 ** 21 - 1
const TURN_S = HIGHEST * 60 // how long until the minutes start again

// A moment between two starts, with room for all that is put off.
const at = fc.integer({ min: 16 * TURN_S, max: 17 * TURN_S - LONGEST_S - 10 * 86_400 })
const before = fc.integer({ min: 0, max: 100_000 })

test('every priority is one that BullMQ takes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), before, fc.boolean(), (at, before, isWantedFirst) => {
      const priority = priorityOf({ at, before }, isWantedFirst)
      expect(Number.isInteger(priority) && priority >= 1 && priority <= HIGHEST).toBe(true)
    }),
  )
})

test('nothing waits for ever: whoever comes later than the longest delay comes after it', () => {
  fc.assert(
    fc.property(at, before, fc.integer({ min: 60, max: 86_400 }), before, (at, earlier, s, later) => {
      const first = priorityOf({ at, before: earlier }, false)
      const second = priorityOf({ at: at + LONGEST_S + REST_S + s, before: later }, true)
      expect(second).toBeGreaterThan(first)
    }),
  )
})

test('who comes alone after a bulk overtakes all of it but what is due by then', () => {
  fc.assert(
    fc.property(at, before, fc.integer({ min: 10, max: 3600 }), (at, before, afterS) => {
      fc.pre(Math.min(before * EACH_S, LONGEST_S) >= afterS + REST_S + 60)
      const single = priorityOf({ at: at + afterS, before: 0 }, false)
      expect(single).toBeLessThan(priorityOf({ at, before }, true))
    }),
  )
})

test('within a bulk who comes first goes first, and vocals before the rest of the same separation', () => {
  fc.assert(
    fc.property(at, before, before, fc.boolean(), (at, one, other, isWantedFirst) => {
      const [first, second] = [Math.min(one, other), Math.max(one, other)]
      expect(priorityOf({ at, before: first }, isWantedFirst)).toBeLessThanOrEqual(
        priorityOf({ at, before: second }, isWantedFirst),
      )
      expect(priorityOf({ at, before: one }, true)).toBeLessThanOrEqual(priorityOf({ at, before: one }, false))
    }),
  )
})

test('when the minutes start again, who comes overtakes those that wait: for the first time in October 2029', () => {
  const start = 15 * TURN_S
  expect(new Date(start * 1000).toISOString()).toMatch(/^2029-10-/)
  expect(priorityOf({ at: start, before: 0 }, true)).toBe(1)
  expect(priorityOf({ at: start - 1, before: 0 }, true)).toBe(HIGHEST)
})

test('each separation comes after the stems planned before it in the same ten seconds', () => {
  let now = 1_000_000_000
  const arrive = createArrivals(() => now)
  expect([arrive(12), arrive(2), arrive(12)].map(({ before }) => before)).toEqual([0, 12, 14])
  now += 9_999
  expect(arrive(1)).toEqual({ at: 1_000_009, before: 26 })
  now += 1
  expect([arrive(12), arrive(12)]).toEqual([
    { at: 1_000_010, before: 0 },
    { at: 1_000_010, before: 12 },
  ])
})
