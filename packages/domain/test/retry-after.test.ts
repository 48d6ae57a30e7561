import { expect, test } from 'vitest'
import { parseRetryAfter } from '../src/retry-after.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

test.each([
  ['0', 0],
  ['7', 7000],
  [' 120 ', 120_000],
  ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
  ['Thursday, 01-Jan-26 00:01:00 GMT', 60_000],
  ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
  ['', undefined],
  [' ', undefined],
  ['soon', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['7s', undefined],
  [undefined, undefined],
])('Retry-After %j asks for %s ms', (header, ms) => {
  expect(parseRetryAfter(header, NOW)).toBe(ms)
})
