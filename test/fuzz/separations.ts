import type { Separation } from '@stems/domain/separation'
import { toStemName } from '@stems/domain/stem-name'
import fc from 'fast-check'
import { link, stemWord, taskId, text } from './arbitraries.ts'

const href = link.filter((each) => URL.canParse(each)).map((each) => new URL(each).href)

const instant = fc
  .integer({ min: 0, max: 5 })
  .map((seconds) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString())

const stems = fc.uniqueArray(
  fc.record({
    name: fc
      .oneof(fc.constantFrom('vocal', 'drums', 'origin', 'constructor', 'toString', 'valueof', '0', '1'), stemWord)
      .map(toStemName),
    url: fc.option(href),
  }),
  { selector: ({ name }) => name, maxLength: 6 },
)

/** A separation as it may come out of a callback. */
export const separation: fc.Arbitrary<Separation> = fc
  .record({
    taskId: fc.oneof(fc.constant('task-1'), taskId),
    type: fc.constantFrom('separate_vocal', 'split_stem', 'unknown'),
    code: fc.oneof(fc.constant(200), fc.integer()),
    msg: text,
    receivedAt: instant,
    stems,
    isUnproven: fc.constantFrom(undefined, true as const),
  })
  .map(({ isUnproven, ...said }) => ({ ...said, ...(isUnproven ? { isUnproven } : {}) }))

/** Several callbacks of one task. */
export const callbacksOfOneTask = (count: { minLength: number; maxLength: number }): fc.Arbitrary<Separation[]> =>
  fc.array(separation, count).map((all) => all.map((each) => ({ ...each, taskId: 'task-1' })))
