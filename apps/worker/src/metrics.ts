import { BLOCK_REASONS } from '@stems/domain/errors'
import type { QueueCounter } from '@stems/queue/counts'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { DiskReserve } from './disk-reserve.ts'

/** A worker's figures, in a registry of their own; the queues are counted when somebody looks. */
export const createWorkerMetrics = (counter: Pick<QueueCounter, 'count'>) => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'stemkeeper_jobs',
    help: 'Jobs by queue and state',
    labelNames: ['queue', 'state'] as const,
    registers,
    async collect() {
      this.reset()
      const counts = await counter.count().catch(() => ({})) // Redis is away: no figure is better than an old one
      for (const [queue, states] of Object.entries(counts)) {
        for (const [state, count] of Object.entries(states)) this.set({ queue, state }, count)
      }
    },
  })
  const blockedUrls = new Counter({
    name: 'stemkeeper_blocked_urls_total',
    help: 'URLs that were not asked, by the rule that they broke',
    labelNames: ['reason'] as const,
    registers,
  })
  for (const reason of BLOCK_REASONS) blockedUrls.inc({ reason }, 0) // an alert sees a first time only from a zero
  const notifications = new Counter({
    name: 'stemkeeper_notifications_total',
    help: "Attempts to give word to the user's own app, by outcome; after `failed` there is none",
    labelNames: ['outcome'] as const,
    registers,
  })
  for (const outcome of ['delivered', 'retried', 'failed']) notifications.inc({ outcome }, 0)
  return {
    registry,
    blockedUrls,
    notifications,
    attempts: new Counter({
      name: 'stemkeeper_stem_attempts_total',
      help: 'Attempts to save a stem, by outcome',
      labelNames: ['outcome'] as const,
      registers,
    }),
    bytes: new Counter({ name: 'stemkeeper_saved_bytes_total', help: 'Bytes of saved stems', registers }),
    separations: new Counter({
      name: 'stemkeeper_separations_total',
      help: 'Manifests written, by status',
      labelNames: ['status'] as const,
      registers,
    }),
  }
}

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>

/** Shows how much room the store's disk has, and whether new downloads are taken. */
export const addDiskMetrics = (registry: Registry, disk: Pick<DiskReserve, 'freeBytes' | 'isLow'>): void => {
  const registers = [registry]
  new Gauge({
    name: 'stemkeeper_store_free_bytes',
    help: "Free bytes of the store's disk",
    registers,
    collect() {
      this.set(disk.freeBytes() ?? Number.NaN)
    },
  })
  new Gauge({
    name: 'stemkeeper_intake_paused',
    help: '1 while no new downloads are taken, for lack of disk space',
    registers,
    collect() {
      this.set(disk.isLow() ? 1 : 0)
    },
  })
}
