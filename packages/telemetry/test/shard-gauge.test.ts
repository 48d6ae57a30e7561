import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { addShardGauge } from '../src/shard-gauge.ts'

const figuresOf = async (shards: { name: string; isReady: () => boolean }[], areSeveral: boolean) => {
  const registry = new Registry()
  addShardGauge(registry, shards, areSeveral)
  return (await registry.metrics()).match(/^stemkeeper_.*/gm)
}

test('a Redis that is there shows 1, one that is away 0, each by its name', async () => {
  const shards = [
    { name: 'a', isReady: () => true },
    { name: 'b', isReady: () => false },
  ]
  expect(await figuresOf(shards, true)).toEqual([
    'stemkeeper_shard_up{shard="a"} 1',
    'stemkeeper_shard_up{shard="b"} 0',
  ])
})

test('where there is one Redis alone, it needs no name', async () => {
  expect(await figuresOf([{ name: 'a', isReady: () => false }], false)).toEqual(['stemkeeper_shard_up 0'])
})
