import { expect, test } from 'vitest'
import { bytesText, durationText } from '../src/pages/amounts.ts'

test.each([
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [61, '1 min 1 s'],
  [7260, '2 h 1 min'],
  [86_400 * 3 + 3600, '3 days 1 h'],
  [-1, '0 s'],
])('%d seconds are %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text)
})

test.each([
  [999, '999 B'],
  [96_000, '96.0 kB'],
  [268_435_456, '268.4 MB'],
  [5e9, '5.0 GB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})
