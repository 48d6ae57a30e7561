import { expect, test } from 'vitest'
import { BlockedUrlError, DeadLinkError, StemError } from '../src/errors.ts'

test('a stem error keeps its cause and the patience that was asked for', () => {
  const cause = new Error('socket hang up')
  const error = new StemError('rate_limited', 'later', 'too many requests', { cause, retryAfterMs: 5000 })
  expect(error).toMatchObject({ code: 'rate_limited', verdict: 'later', retryAfterMs: 5000, cause })
})

test('a blocked URL names its host and the setting that would allow it', () => {
  const error = new BlockedUrlError('musicfile.example', 'the host is not listed')
  expect(error).toMatchObject({ code: 'blocked', verdict: 'never', host: 'musicfile.example' })
  expect(error.message).toMatch(/musicfile\.example.*the host is not listed.*DOWNLOAD_ALLOWED_HOSTS/)
})

test('a dead link asks for a fresh one', () => {
  expect(new DeadLinkError(410)).toMatchObject({ code: 'gone', verdict: 'refresh-url' })
})
