import { expect, test } from 'vitest'
import { z } from 'zod'
import { commonVariables, flag, integer, list, port, proxies } from '../src/variables.ts'

const accepts = (schema: z.ZodType, text: string) => schema.safeParse(text).success

test.each([
  ['a', ['a']],
  ['a,b', ['a', 'b']],
  [' a , b ,', ['a', 'b']],
  [',,', []],
  [undefined, []],
])('the list %j is %j', (text, items) => {
  expect(list().parse(text)).toEqual(items)
})

test.each(['1', '10', '007'])('%j is a whole number from 1 to 10', (text) => {
  expect(integer({ min: 1, max: 10 }).parse(text)).toBe(Number(text))
})

test.each(['0', '11', '-1', '+1', '1.0', '1e1', '0x1', ' 1', '1 ', 'one', '9'.repeat(17), '9'.repeat(16)])(
  '%j is no whole number from 1 to 10',
  (text) => {
    expect(integer({ min: 1, max: 10 }).safeParse(text).error?.issues).toMatchObject([
      { message: 'must be a whole number from 1 to 10' },
    ])
  },
)

test('a number without an upper bound is still one that JavaScript can hold', () => {
  expect(accepts(integer({ min: 1 }), `${Number.MAX_SAFE_INTEGER}`)).toBe(true)
  expect(accepts(integer({ min: 1 }), '9999999999999999')).toBe(false)
})

test.each([
  ['0', true],
  ['65535', true],
  ['65536', false],
  ['-1', false],
])('%s is a port: %s', (text, valid) => {
  expect(accepts(port(), text)).toBe(valid)
})

test.each([
  ['true', true],
  ['false', false],
])('the flag %s is %s', (text, value) => {
  expect(flag().parse(text)).toBe(value)
})

test.each(['1', 'yes', 'TRUE', 'on', 'false '])('the flag %j is refused, not guessed', (text) => {
  expect(accepts(flag(), text)).toBe(false)
})

test('the common variables have the documented defaults', () => {
  expect(z.object(commonVariables).parse({})).toEqual({
    LOG_LEVEL: 'info',
  })
})

test('a wrong LOG_LEVEL is refused without repeating it', () => {
  const { error } = z.object(commonVariables).safeParse({ LOG_LEVEL: 'hunter2' })
  expect(error?.issues.map(({ path }) => path)).toEqual([['LOG_LEVEL']])
  expect(error?.issues[0]?.message).not.toContain('hunter2')
})

test.each([
  [undefined, []],
  ['10.0.0.1', ['10.0.0.1']],
  ['10.0.0.0/8, 192.168.7.0/24', ['10.0.0.0/8', '192.168.7.0/24']],
  ['::1,fd00::/8,2001:db8::1/128', ['::1', 'fd00::/8', '2001:db8::1/128']],
  ['::ffff:10.0.0.1', ['::ffff:10.0.0.1']],
  ['127.0.0.1/32,0.0.0.0/1', ['127.0.0.1/32', '0.0.0.0/1']],
])('the proxies %j are %j', (text, networks) => {
  expect(proxies().parse(text)).toEqual(networks)
})

test.each([
  ...[
    'proxy.example.org',
    'localhost',
    'true',
    '*',
    '1',
    '10.0.0',
    '10.0.0.1:80',
    '010.0.0.1',
    '[::1]',
    'fe80::1%eth0',
  ],
  ...['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/255.0.0.0', '/8'],
])('%j is no proxy', (text) => {
  expect(accepts(proxies(), text)).toBe(false)
})

test.each(['0.0.0.0/0', '::/0', '10.0.0.0/0'])('%s would believe everybody, and is refused', (text) => {
  expect(accepts(proxies(), text)).toBe(false)
})

test('a wrong proxy is named by its place in the list, not by what it says', () => {
  const issues = proxies()
    .safeParse('10.0.0.1, hunter2, ::1, hunter3')
    .error?.issues.map(({ message }) => message)
  expect(issues).toEqual([
    'entry 2 is neither an IP address nor a network such as 10.0.0.0/8',
    'entry 4 is neither an IP address nor a network such as 10.0.0.0/8',
  ])
})
