import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { isFreshlySigned, isKnownToken, isSignedBy, type ProofSecrets } from '../src/proof.ts'

const secretsOf = (change: Partial<ProofSecrets> = {}): ProofSecrets => ({
  tokens: ['old-token', 'new-token'],
  hmacKeys: ['old-key', 'new-key'],
  toleranceSeconds: 300,
  ...change,
})
const sign = (taskId: string, timestamp: string, key: string) =>
  createHmac('sha256', key).update(`${taskId}.${timestamp}`).digest('base64')

const NOW = 1_700_000_000
const at = (seconds: number) => `${seconds}`

test.each([
  ['old-token', true],
  ['new-token', true],
  ['', false],
  [undefined, false],
  ['new-toke', false],
  ['new-token ', false],
  ['NEW-TOKEN', false],
  ['old-token,new-token', false],
  ['x'.repeat(10_000), false],
  ['токен', false],
])('of two tokens in rotation, %j is known: %s', (presented, known) => {
  expect(isKnownToken(presented, secretsOf())).toBe(known)
})

test('where no token is configured none is known, not even an empty one', () => {
  expect(['', undefined, 'any'].map((token) => isKnownToken(token, secretsOf({ tokens: [] })))).toEqual([
    false,
    false,
    false,
  ])
})

test('a signature made by another implementation is accepted', () => {
  // printf %s task-1.1700000000 | openssl dgst -sha256 -hmac key-1 -binary | base64
  const signature = 'D729Va/KuMK+ir21Sgg7YBrC0fI4weNLQD7ApRBV6Iw='
  expect(isSignedBy('task-1', { timestamp: at(NOW), signature }, secretsOf({ hmacKeys: ['key-1'] }))).toBe(true)
})

test.each(['old-key', 'new-key'])('during a rotation a signature by %s is accepted', (key) => {
  const signature = sign('task-1', at(NOW), key)
  expect(isSignedBy('task-1', { timestamp: at(NOW), signature }, secretsOf())).toBe(true)
})

const good = sign('task-1', at(NOW), 'new-key')

test.each<[string, string, string | undefined, string | undefined]>([
  ['is by an unknown key', 'task-1', at(NOW), sign('task-1', at(NOW), 'stolen')],
  ['is for another task id', 'task-2', at(NOW), good],
  ['is for a task id that is the beginning of this one', 'task-11', at(NOW), good],
  ['is for another time', 'task-1', at(NOW + 1), good],
  ['stands without a time', 'task-1', undefined, good],
  ['is missing', 'task-1', at(NOW), undefined],
  ['is empty', 'task-1', at(NOW), ''],
  ['is cut short', 'task-1', at(NOW), good.slice(0, -1)],
  ['is longer', 'task-1', at(NOW), `${good}=`],
  ['is hexadecimal', 'task-1', at(NOW), Buffer.from(good, 'base64').toString('hex')],
  ['is garbage', 'task-1', at(NOW), '\u0000☃'.repeat(1000)],
])('a signature that %s proves nothing', (_what, taskId, timestamp, signature) => {
  expect(isSignedBy(taskId, { timestamp, signature }, secretsOf())).toBe(false)
})

test('where no key is configured no signature proves anything', () => {
  const headers = { timestamp: at(NOW), signature: sign('task-1', at(NOW), '') }
  expect(isSignedBy('task-1', headers, secretsOf({ hmacKeys: [] }))).toBe(false)
  expect(isFreshlySigned(headers, secretsOf({ hmacKeys: [] }), NOW * 1000)).toBe(false)
})

test.each([
  [0, true],
  [-300, true],
  [300, true],
  [-301, false],
  [301, false],
  [-86_400, false],
])('a time that is %i s from now is fresh: %s', (seconds, fresh) => {
  expect(isFreshlySigned({ timestamp: at(NOW + seconds), signature: good }, secretsOf(), NOW * 1000)).toBe(fresh)
})

test.each(['', ' ', 'now', '-1', '1e9', `${NOW}.5`, ` ${NOW}`, `0x${NOW.toString(16)}`, '9'.repeat(400), undefined])(
  'the time %j is never fresh',
  (timestamp) => {
    const secrets = secretsOf({ toleranceSeconds: Number.MAX_SAFE_INTEGER })
    expect(isFreshlySigned({ timestamp, signature: good }, secrets, NOW * 1000)).toBe(false)
  },
)

test.each(['', undefined])('a fresh time with the signature %j is no proof', (signature) => {
  expect(isFreshlySigned({ timestamp: at(NOW), signature }, secretsOf(), NOW * 1000)).toBe(false)
})
