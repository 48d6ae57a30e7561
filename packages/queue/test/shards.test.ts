import { expect, test } from 'vitest'
import { createShards, shardOf, shareOf } from '../src/shards.ts'

const IDS = Array.from({ length: 20_000 }, (_, index) => `task-${index}`)
const countBy = (names: string[]): Record<string, number> => {
  const counts: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]))
  for (const id of IDS) counts[shardOf(id, names)] = (counts[shardOf(id, names)] ?? 0) + 1
  return counts
}

// Whoever has to change this table sends the tasks of every installation elsewhere.
const KNOWN: [id: string, of2: string, of3: string, ofAddresses: string][] = [
  ['limits', 'a', 'a', '10.0.0.1:6379/0'],
  ['purchases', 'b', 'c', '10.0.0.2:6379/0'],
  ['separation-1', 'a', 'a', '10.0.0.2:6379/0'],
  ['separation-2', 'b', 'b', '10.0.0.1:6379/0'],
  ['separation-3', 'b', 'c', '10.0.0.1:6379/0'],
  ['3e63b4cc88d52611159371f6af5571e7', 'b', 'b', '10.0.0.2:6379/0'],
  ['0f2e7a91-6a1c-4a53-9d2e-5f4a1b8c7d60', 'b', 'b', '10.0.0.1:6379/0'],
  ['a', 'b', 'b', '10.0.0.2:6379/0'],
  ['b', 'a', 'a', '10.0.0.1:6379/0'],
  ['c', 'a', 'c', '10.0.0.2:6379/0'],
]

test.each(KNOWN)('%s belongs where it has always belonged', (id, of2, of3, ofAddresses) => {
  expect(shardOf(id, ['a', 'b'])).toBe(of2)
  expect(shardOf(id, ['a', 'b', 'c'])).toBe(of3)
  expect(shardOf(id, ['10.0.0.1:6379/0', '10.0.0.2:6379/0'])).toBe(ofAddresses)
})

test('every shard gets about as many as any other', () => {
  for (const names of [
    ['a', 'b'],
    ['a', 'b', 'c'],
    ['10.0.0.1:6379/0', '10.0.0.1:6379/1', 'x', 'y', 'z'],
  ]) {
    for (const count of Object.values(countBy(names))) {
      expect(count / (IDS.length / names.length)).toBeCloseTo(1, 1)
    }
  }
})

test.each([1, 2, 3, 4, 7])('one more than %i shards takes its share, and only the new one gets any', (n) => {
  const before = Array.from({ length: n }, (_, index) => `shard-${index}`)
  const after = [...before, 'new']
  const moved = IDS.filter((id) => shardOf(id, before) !== shardOf(id, after))
  expect(new Set(moved.map((id) => shardOf(id, after)))).toEqual(new Set(['new']))
  expect((moved.length / IDS.length) * (n + 1)).toBeCloseTo(1, 1)
})

test('one that is taken away gives its own ids to the others, and theirs stay', () => {
  const left = IDS.filter((id) => shardOf(id, ['a', 'b', 'c']) !== 'b')
  expect(left.filter((id) => shardOf(id, ['a', 'c']) !== shardOf(id, ['a', 'b', 'c']))).toEqual([])
})

test('the order of the list makes no difference', () => {
  for (const id of IDS.slice(0, 500)) expect(shardOf(id, ['c', 'a', 'b'])).toBe(shardOf(id, ['a', 'b', 'c']))
})

test('what is made once per shard is found by task, and by name', () => {
  const shards = createShards([{ name: 'b' }, { name: 'a' }], ({ name }) => ({ name }))
  expect(shards.all.map(({ name }) => name)).toEqual(['a', 'b'])
  for (const id of IDS.slice(0, 100)) {
    expect(shards.of(id).name).toBe(shardOf(id, ['a', 'b']))
    expect(shards.nameOf(id)).toBe(shards.of(id).name)
  }
  expect(shards.get('b')).toBe(shards.all[1])
  expect(shards.get('c')).toBeUndefined()
})

test('a single shard has everything', () => {
  expect(IDS.slice(0, 100).every((id) => shardOf(id, ['only']) === 'only')).toBe(true)
})

test('a limit is shared out evenly, at least one to each, whatever the order', () => {
  const shares = (total: number, names: string[]) => ['a', 'b', 'c'].map((name) => shareOf(total, name, names))
  expect(shares(8, ['a', 'b', 'c'])).toEqual([3, 3, 2])
  expect(shares(8, ['c', 'b', 'a'])).toEqual([3, 3, 2])
  expect(shares(2, ['a', 'b', 'c'])).toEqual([1, 1, 1])
  expect(shareOf(8, 'only', ['only'])).toBe(8)
})
