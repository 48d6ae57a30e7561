import { once } from 'node:events'
import { expect, test } from 'vitest'
import { DeadlineError, withDeadline } from '../src/deadline.ts'

test('work that is done in time returns what it has', async () => {
  expect(await withDeadline('Redis', 60_000, async () => 'done')).toBe('done')
})

test('work that fails in time fails as it did', async () => {
  const failure = new Error('READONLY')
  await expect(withDeadline('Redis', 60_000, () => Promise.reject(failure))).rejects.toBe(failure)
})

test('work that never ends is given up and told so', async () => {
  let told: AbortSignal | undefined
  const given = withDeadline('Redis', 1, (signal) => {
    told = signal
    return new Promise(() => {})
  })
  await expect(given).rejects.toThrow(DeadlineError)
  await expect(given).rejects.toThrow('Redis did not acknowledge within 1 ms')
  expect(told?.reason).toBeInstanceOf(DeadlineError)
})

test('work that fails after its deadline harms nobody', async () => {
  await expect(
    withDeadline('Redis', 1, async (signal) => {
      await once(signal, 'abort')
      throw new Error('too late to matter')
    }),
  ).rejects.toThrow(DeadlineError)
})

test('the signal of work that is done stays quiet', async () => {
  const signal = await withDeadline('Redis', 60_000, async (given) => given)
  expect(signal.aborted).toBe(false)
})
