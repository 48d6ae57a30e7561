import { expect, test } from 'vitest'
import { createReadCache } from '../src/read-cache.ts'

const always = () => true

test('what has not changed is read once, and what has changed is read again', async () => {
  const cache = createReadCache<number>()
  let reads = 0
  const read = async () => ++reads
  expect(await cache.read('task-1', 10, read, always)).toBe(1)
  expect(await cache.read('task-1', 10, read, always)).toBe(1)
  expect(await cache.read('task-1', 11, read, always)).toBe(2)
})

test('what changes while it is read is read again', async () => {
  const cache = createReadCache<string>()
  const reading = Promise.withResolvers<string>()
  const before = cache.read('task-1', 10, () => reading.promise, always)
  reading.resolve('old')
  expect(await before).toBe('old')
  expect(await cache.read('task-1', 11, async () => 'new', always)).toBe('new')
})

test('what may not last, is missing, or is not in the index is read each time', async () => {
  const cache = createReadCache<number>()
  let reads = 0
  const read = async () => ++reads
  for (const expected of [1, 2]) expect(await cache.read('runs', 10, read, () => false)).toBe(expected)
  for (const expected of [3, 4]) expect(await cache.read('unlisted', undefined, read, always)).toBe(expected)
  expect(await cache.read('missing', 10, async () => undefined, always)).toBeUndefined()
  expect(await cache.read('missing', 10, read, always)).toBe(5)
})
