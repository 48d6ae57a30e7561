import { BlockedUrlError, StemError } from '@stems/domain/errors'
import { expect, test } from 'vitest'
import { explainFailure } from '../src/download-errors.ts'

test('a failure that is known already is passed on, however deep it is wrapped', () => {
  const known = new BlockedUrlError('evil.example', 'not listed')
  const wrapped = new Error('hook failed', { cause: new Error('again', { cause: known }) })
  expect(explainFailure(wrapped, 0)).toBe(known)
})

test('an error of our own making is not taken for a failure of the far side', () => {
  const bug = new TypeError('x is not a function')
  expect(() => explainFailure(bug, 0)).toThrow(bug)
  expect(bug).not.toBeInstanceOf(StemError)
})
