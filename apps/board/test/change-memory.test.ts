import { expect, test } from 'vitest'
import { createChangeMemory } from '../src/change-memory.ts'

const changed =
  (...tasks: string[]) =>
  async () => ({ tasks: new Set(tasks), last: '1-0' })
const always = () => true

test('what has not changed is read once, and what has is read again', async () => {
  const memory = createChangeMemory<number>()
  let reads = 0
  const read = async () => ++reads
  await memory.forgetChanged(async () => ({ tasks: 'all', last: undefined }))
  expect(await memory.remember('task-1', read, always)).toBe(1)
  await memory.forgetChanged(changed('task-2'))
  expect(await memory.remember('task-1', read, always)).toBe(1)
  await memory.forgetChanged(changed('task-1'))
  expect(await memory.remember('task-1', read, always)).toBe(2)
})

test('what changes while it is read is not remembered', async () => {
  const memory = createChangeMemory<string>()
  const reading = Promise.withResolvers<string>()
  const before = memory.remember('task-1', () => reading.promise, always)
  await memory.forgetChanged(changed('task-1'))
  reading.resolve('old')
  expect(await before).toBe('old')
  expect(await memory.remember('task-1', async () => 'new', always)).toBe('new')
})

test('what may not last is read each time, and changes are asked for from where they were last seen', async () => {
  const memory = createChangeMemory<number>()
  let reads = 0
  for (const expected of [1, 2]) {
    const isLasting = () => false
    expect(await memory.remember('task-1', async () => ++reads, isLasting)).toBe(expected)
  }
  const asked: (string | undefined)[] = []
  for (const last of ['1-0', '2-0']) {
    await memory.forgetChanged(async (from) => {
      asked.push(from)
      return { tasks: new Set(), last }
    })
  }
  expect(asked).toEqual([undefined, '1-0'])
})
