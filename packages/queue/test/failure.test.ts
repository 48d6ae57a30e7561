import { BlockedUrlError, StemError } from '@stems/domain/errors'
import { UnrecoverableError } from 'bullmq'
import { expect, test } from 'vitest'
import { RetryableError, readFailure, toQueueError } from '../src/failure.ts'

test('a failure that may pass is retried with the patience that was asked for', () => {
  const cause = new StemError('rate_limited', 'later', 'too many requests', { retryAfterMs: 7000 })
  const error = toQueueError(cause)
  expect(error).toBeInstanceOf(RetryableError)
  expect(error).not.toBeInstanceOf(UnrecoverableError)
  expect(error).toMatchObject({ message: 'rate_limited: too many requests', retryAfterMs: 7000, cause })
})

test.each([new BlockedUrlError('evil.example', 'not listed'), new StemError('too_large', 'never', 'too much')])(
  'a failure that will not pass is not retried: $message',
  (error) => {
    expect(toQueueError(error)).toBeInstanceOf(UnrecoverableError)
  },
)

test.each([
  new StemError('store', 'later', 'the store is full: free some space (ENOSPC).'),
  new StemError('network', 'later', 'two\nlines: with a colon'),
  new BlockedUrlError('evil.example:8080', 'not listed'),
  new StemError('gone', 'refresh-url', 'the link is dead'),
])('code and words of a failure come back out of the queue: $message', (error) => {
  expect(readFailure(toQueueError(error).message)).toEqual({ code: error.code, message: error.message })
})

test('an error that nobody expected is retried and says what it was', () => {
  const cause = new TypeError('x is not a function')
  const error = toQueueError(cause)
  expect(error).toBeInstanceOf(RetryableError)
  expect((error.cause as Error).cause).toBe(cause)
  expect(readFailure(error.message)).toEqual({ code: 'interrupted', message: 'unexpected: x is not a function' })
})

test.each(['job stalled more than allowable limit', '', 'Error: with a capital', 'store:without a space', 'gone: '])(
  'the reason %j, which is not ours, is kept as it stands',
  (reason) => {
    expect(readFailure(reason)).toEqual({ code: 'interrupted', message: reason })
  },
)
