import { expect, test } from 'vitest'
import { payloadText } from '../src/pages/payload-text.ts'

const MOST = 50_000

test.each([
  null,
  true,
  -1.5e300,
  'a "quoted"\n<text> \u2028 💿',
  [],
  {},
  [[], {}, [1, [2, { a: [null] }]]],
  { 'a "key"': { '': [] }, list: [1, 'two', { three: 3 }] },
])('%j is written as JSON is, a value a line', (payload) => {
  expect(payloadText(payload, MOST)).toEqual({ text: JSON.stringify(payload, null, 2), isWhole: true })
})

test('a long text is cut where it has to be', () => {
  const payload = { text: 'x'.repeat(MOST) }
  const { text, isWhole } = payloadText(payload, MOST)
  expect([text.length, isWhole]).toEqual([MOST, false])
  expect(JSON.stringify(payload, null, 2).startsWith(text)).toBe(true)
})

test('a text that ends at the limit is whole, and one that goes on by a character is not', () => {
  expect(payloadText('12345678', 10)).toEqual({ text: '"12345678"', isWhole: true })
  expect(payloadText('123456789', 10)).toEqual({ text: '"123456789', isWhole: false })
  expect(payloadText([1], 7)).toEqual({ text: '[\n  1\n]', isWhole: true })
  expect(payloadText([1], 6)).toEqual({ text: '[\n  1\n', isWhole: false })
})

test('neither depth nor number of values costs more than what is shown', () => {
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
  const wide = Array.from({ length: 130_000 }, () => 0)
  for (const payload of [deep, wide]) {
    const { text, isWhole } = payloadText(payload, MOST)
    expect([text.length, isWhole]).toEqual([MOST, false])
  }
})
