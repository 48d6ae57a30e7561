import { expect, test } from 'vitest'
import { BlockedUrlError, StemError } from '../src/errors.ts'

test('a stem error keeps its cause and the patience that was asked for', () => {
  const cause = new Error('socket hang up')
  const error = new StemError('rate_limited', 'later', 'too many requests', { cause, retryAfterMs: 5000 })
  expect(error).toMatchObject({ code: 'rate_limited', verdict: 'later', retryAfterMs: 5000, cause })
})

test('a blocked URL names its host, which rule it broke, and the setting that would permit it', () => {
  const error = new BlockedUrlError('musicfile.example', 'the host is not listed', { setting: 'NOTIFY_URL' })
  expect(error).toMatchObject({ code: 'blocked', verdict: 'never', host: 'musicfile.example', reason: 'host' })
  expect(error.message).toMatch(/musicfile\.example.*the host is not listed.*NOTIFY_URL/)
})

test('a blocked URL that no setting would permit advises none', () => {
  const error = new BlockedUrlError('10.0.0.1', 'its address is private', { reason: 'address' })
  expect(error).toMatchObject({ reason: 'address', message: '10.0.0.1 was not asked: its address is private.' })
})
