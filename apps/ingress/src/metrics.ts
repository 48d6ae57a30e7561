import type { Spool } from '@stems/store/spool'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

// No name of a shard: an earlier process has left them, and no Redis has been there since.
const UNREAD = '(unread)'

/** Ingress's figures, in a registry of their own; those of the spool by shard, where there are several. */
export const createIngressMetrics = (spool: Spool, shards: { name: string; isReady: () => boolean }[]) => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const areSeveral = shards.length > 1
  if (areSeveral) {
    new Gauge({
      name: 'stemkeeper_shard_up',
      help: '1 while the Redis of this shard is there; only where there are several',
      labelNames: ['shard'] as const,
      registers: [registry],
      collect() {
        for (const { name, isReady } of shards) this.set({ shard: name }, isReady() ? 1 : 0)
      },
    })
  }
  const watchSpool = (name: string, help: string, figure: 'files' | 'bytes' | 'oldestAgeSeconds') =>
    new Gauge({
      name: `stemkeeper_spool_${name}`,
      help,
      labelNames: areSeveral ? ['shard'] : [],
      registers: [registry],
      collect() {
        if (!areSeveral) return this.set(spool.state()[figure])
        this.reset()
        const unread = spool.stateOf(undefined)
        if (unread.files > 0) this.set({ shard: UNREAD }, unread[figure])
        for (const { name: shard } of shards) this.set({ shard }, spool.stateOf(shard)[figure])
      },
    })
  watchSpool('files', 'Callbacks that wait for Redis', 'files')
  watchSpool('bytes', 'Their size', 'bytes')
  watchSpool('oldest_age_seconds', 'How long the oldest of them has been waiting', 'oldestAgeSeconds')
  return {
    registry,
    callbacks: new Counter({
      name: 'stemkeeper_callbacks_total',
      help: 'Callbacks, by the answer they got',
      labelNames: ['answer'] as const,
      registers: [registry],
    }),
  }
}

export type IngressMetrics = ReturnType<typeof createIngressMetrics>
