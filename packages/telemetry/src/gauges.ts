import { Gauge, type Registry } from 'prom-client'

/** Adds a gauge that is read at each scrape. */
export const addGauge = (
  registry: Registry,
  name: `stemkeeper_${string}`,
  help: string,
  read: () => number | Promise<number>,
): void => {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      this.set(await read())
    },
  })
}

/** Shows whether this process is connected to Redis. */
export const addRedisGauge = (registry: Registry, isReady: () => boolean): void =>
  addGauge(registry, 'stemkeeper_shard_up', '1 while this process is connected to Redis, else 0', () =>
    Number(isReady()),
  )

/**
 * Shows for how long there is work: the figure an autoscaler uses. It is read at each scrape. All processes show the same
 * value, so average it over processes and never sum it.
 *
 * @param read seconds of waiting work, queue by queue; throws while Redis is disconnected
 */
export const addWaitingGauge = (
  registry: Registry,
  read: () => Promise<{ queue: string; seconds: number }[]>,
): void => {
  new Gauge({
    name: 'stemkeeper_waiting_seconds',
    help: 'Seconds of work that waits for workers, at their recent rate; all processes show the same: take avg or max, not sum',
    labelNames: ['queue'] as const,
    registers: [registry],
    async collect() {
      this.reset()
      const times = await read().catch(() => []) // an old value would be worse than none
      for (const { queue, seconds } of times) this.set({ queue }, seconds)
    },
  })
}
