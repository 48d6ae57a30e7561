import { BLOCK_REASONS } from '@stems/domain/errors'
import type { QueueCounter } from '@stems/queue/counts'
import { HOST_LIMIT_REASONS } from '@stems/queue/host-limit'
import { addGauge, addRedisGauge } from '@stems/telemetry/gauges'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { DiskReserve } from './disk-reserve.ts'

/** A worker's figures, in a registry of their own. */
export const createWorkerMetrics = () => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
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
  const hostRefusals = new Counter({
    name: 'stemkeeper_host_turns_refused_total',
    help: 'How often a stem had to wait for its host: `pause` (answered 429 or 503) or `rate` (requests per second)',
    labelNames: ['reason'] as const,
    registers,
  })
  for (const reason of HOST_LIMIT_REASONS) hostRefusals.inc({ reason }, 0)
  const attempts = new Counter({
    name: 'stemkeeper_stem_attempts_total',
    help: 'Attempts to save a stem, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  })
  attempts.inc({ outcome: 'saved' }, 0)
  const separations = new Counter({
    name: 'stemkeeper_separations_total',
    help: 'Manifests written, by status',
    labelNames: ['status'] as const,
    registers,
  })
  for (const status of ['complete', 'partial', 'failed']) separations.inc({ status }, 0)
  const analyses = new Counter({
    name: 'stemkeeper_analyses_total',
    help: 'Stems whose audio was looked at, by outcome; `problem`: not all of it could be read',
    labelNames: ['outcome'] as const,
    registers,
  })
  for (const outcome of ['analysed', 'problem', 'other_bytes']) analyses.inc({ outcome }, 0)
  return {
    registry,
    analyses,
    analysedSeconds: new Counter({
      name: 'stemkeeper_analysed_audio_seconds_total',
      help: 'Seconds of audio that were looked at',
      registers,
    }),
    blockedUrls,
    hostRefusals,
    notifications,
    attempts,
    separations,
    bytes: new Counter({ name: 'stemkeeper_saved_bytes_total', help: 'Bytes of saved stems', registers }),
  }
}

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>

/** Shows whether Redis is connected, and the jobs of each queue, which are counted at each scrape. */
export const addQueueMetrics = (
  registry: Registry,
  counter: Pick<QueueCounter, 'count'>,
  isReady: () => boolean,
): void => {
  addRedisGauge(registry, isReady)
  new Gauge({
    name: 'stemkeeper_jobs',
    help: 'Jobs by queue and state',
    labelNames: ['queue', 'state'] as const,
    registers: [registry],
    async collect() {
      this.reset()
      const counts = await counter.count().catch(() => ({})) // an old value would be worse than none
      for (const [queue, states] of Object.entries(counts)) {
        for (const [state, count] of Object.entries(states)) this.set({ queue, state }, count)
      }
    },
  })
}

/** Shows how much room the disk for downloads has, and whether new downloads are taken. */
export const addDiskMetrics = (
  registry: Registry,
  disk: Pick<DiskReserve, 'freeBytes' | 'reserveBytes' | 'isLow'>,
): void => {
  const free = 'Free bytes of the disk that downloads are written to'
  addGauge(registry, 'stemkeeper_store_free_bytes', free, () => disk.freeBytes() ?? Number.NaN)
  const reserve = 'What is to stay free there: with less no new downloads are taken'
  addGauge(registry, 'stemkeeper_store_reserve_bytes', reserve, () => disk.reserveBytes() ?? Number.NaN)
  const paused = '1 while no new downloads are taken, for lack of disk space'
  addGauge(registry, 'stemkeeper_intake_paused', paused, () => Number(disk.isLow()))
}
