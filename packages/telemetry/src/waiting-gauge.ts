import { Gauge, type Registry } from 'prom-client'

/** Somebody who knows how long there is work, queue by queue. */
export type WaitingReader = { name: string; read: () => Promise<{ queue: string; seconds: number }[]> }

/**
 * Shows for how long there is work: what an autoscaler goes by. It is read when somebody looks. Everybody who shows it shows
 * the same, so it is to be averaged over processes, never summed; over shards it is summed or the largest taken.
 *
 * @param shards at least one; each is named where there are several
 */
export const addWaitingGauge = (registry: Registry, shards: readonly WaitingReader[]): void => {
  new Gauge({
    name: 'stemkeeper_waiting_seconds',
    help: 'Seconds of work that waits for workers, at their recent rate; all processes show the same: take avg or max, not sum',
    labelNames: ['queue', 'shard'] as const,
    registers: [registry],
    async collect() {
      this.reset()
      await Promise.all(
        shards.map(async ({ name, read }) => {
          const times = await read().catch(() => []) // Redis is away: no figure is better than an old one
          const shard = shards.length > 1 ? { shard: name } : {}
          for (const { queue, seconds } of times) this.set({ queue, ...shard }, seconds)
        }),
      )
    },
  })
}
