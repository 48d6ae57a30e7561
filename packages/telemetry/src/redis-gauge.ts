import { Gauge, type Registry } from 'prom-client'

/** Shows whether this process is connected to Redis. */
export const addRedisGauge = (registry: Registry, isReady: () => boolean): void => {
  new Gauge({
    name: 'stemkeeper_shard_up',
    help: '1 while this process is connected to Redis, else 0',
    registers: [registry],
    collect() {
      this.set(isReady() ? 1 : 0)
    },
  })
}
