import { expect, test } from 'vitest'
import { inMixOrder } from '../src/stem-order.ts'

test('a mixer shows voices first, then instruments, then what nobody knows, and the original last', () => {
  const names = ['origin', 'zither', 'drums', 'lead_vocal', 'vocal', 'backing_vocals', 'bass', 'accordion']
  expect(inMixOrder(names)).toEqual([
    ...['vocal', 'backing_vocals', 'drums', 'bass'],
    ...['accordion', 'lead_vocal', 'zither', 'origin'],
  ])
  expect(inMixOrder([])).toEqual([])
})
