import { Gauge, type Registry } from 'prom-client'

/**
 * Shows whether each Redis is there, as this process sees it.
 *
 * @param areSeveral are there others, whoever serves them? Then each is named
 */
export const addShardGauge = (
  registry: Registry,
  shards: readonly { name: string; isReady: () => boolean }[],
  areSeveral: boolean,
): void => {
  new Gauge({
    name: 'stemkeeper_shard_up',
    help: '1 while the Redis is there, as this process sees it; by shard, where there are several',
    labelNames: ['shard'] as const,
    registers: [registry],
    collect() {
      for (const { name, isReady } of shards) this.set(areSeveral ? { shard: name } : {}, isReady() ? 1 : 0)
    },
  })
}
