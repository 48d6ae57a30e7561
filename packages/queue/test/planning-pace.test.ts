import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPlanningPace } from '../src/planning-pace.ts'

/** Plans twenty, and tells what was under way at most and how often the stems were counted. */
const planTwenty = async ({ use, waiting }: { use: number; waiting: number }) => {
  const seen = { most: 0, counted: 0, planned: 0, rests: 0 }
  let now = 0
  const count = async () => {
    seen.counted += 1
    return waiting
  }
  const rest = async () => {
    seen.rests += 1
  }
  const plan = createPlanningPace(count, { use: () => use, rest })
  const work = async () => {
    now += 1
    seen.most = Math.max(seen.most, now)
    await turn()
    now -= 1
    seen.planned += 1
  }
  await Promise.all(Array.from({ length: 20 }, () => plan(work)))
  return seen
}

test('all are planned, and two at a time', async () => {
  for (const waiting of [0, 100_000]) {
    expect(await planTwenty({ use: 0.5, waiting })).toMatchObject({ most: 2, planned: 20 })
  }
})

test('a busy process that has stems enough rests in between, and plans all the same', async () => {
  expect(await planTwenty({ use: 0.95, waiting: 1000 })).toMatchObject({ planned: 20, rests: 20 })
})

test('what has time does not ask how many wait, and who is busy asks once for all that come together', async () => {
  expect(await planTwenty({ use: 0.5, waiting: 100_000 })).toMatchObject({ counted: 0, rests: 0 })
  expect(await planTwenty({ use: 0.95, waiting: 999 })).toMatchObject({ counted: 1, rests: 0 })
})

test('what planning fails of is heard by whom it concerns, and keeps nobody from theirs', async () => {
  const plan = createPlanningPace(async () => 0, { use: () => 0, rest: async () => {} })
  await expect(plan(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await plan(async () => 'planned')).toBe('planned')
})
