import { createLeaderLock } from '@stems/queue/leader-lock'
import { awaitReady, type RedisConnection } from '@stems/queue/redis'
import { type Retired, retire } from '@stems/queue/retire'
import { createRetiredJobs } from '@stems/queue/retired-jobs'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { repeat } from '@stems/telemetry/repeat'
import { Counter, Gauge, type Registry } from 'prom-client'

const LOOK_MS = 60_000
const CONNECT_MS = 5000

const SWEEP_MS = 3600_000 // of all workers, one sweeps in so much time

// Longer than a separation takes to be removed; shorter than anybody keeps sending a callback that finds it held.
const HOLD_MS = 5 * 60_000

export type RetentionOptions = {
  store: StemStore
  /** How long a separation is kept; for ever where it is left out. */
  retainMs: number | undefined
  /** Removes nothing, and tells what would go. */
  isDryRun: boolean
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  registry: Registry
  log: Log
}

/**
 * Removes separations that finished long ago, or tells what it would remove. One log line per sweep.
 */
export const startRetention = (options: RetentionOptions) => {
  const { store, retainMs, isDryRun, redis, prefix, registry, log } = options
  if (retainMs === undefined) return { close: async () => {} }
  const jobs = createRetiredJobs(redis, prefix, HOLD_MS)
  const leader = createLeaderLock(redis, prefix, 'retention', SWEEP_MS)
  const show = createRetentionMetrics(registry, isDryRun)
  const leaving = new AbortController()

  const sweep = async (): Promise<void> => {
    await awaitReady(redis, CONNECT_MS)
    if (!(await leader.take())) return
    const startedAt = performance.now()
    const retired = await retire({
      store,
      jobs,
      retainMs,
      isDryRun,
      onFailed: (taskId, error) => log.warn({ taskId, error: error.message }, 'retention.failed'),
      signal: leaving.signal,
    })
    show(retired)
    const ms = Math.round(performance.now() - startedAt)
    log.info({ ...retired, ms }, isDryRun ? 'retention.dry_run: would be removed' : 'retention.swept')
  }

  const sweeps = repeat(LOOK_MS, sweep, (error) => log.warn({ error: error.message }, 'retention.interrupted'))
  return {
    /** Finishes the separations that are being removed. Safe to call twice. */
    close: async (): Promise<void> => {
      leaving.abort()
      await sweeps.close()
    },
  }
}

const createRetentionMetrics = (registry: Registry, isDryRun: boolean) => {
  const registers = [registry]
  const counter = (name: string, help: string) =>
    new Counter({ name: `stemkeeper_retention_${name}_total`, help, registers })
  const gauge = (name: string, help: string) => new Gauge({ name: `stemkeeper_retention_${name}`, help, registers })
  const removed = counter('removed', 'Separations that this worker removed because they finished long ago')
  const bytes = counter('removed_bytes', 'Bytes of their stems')
  const failed = counter('failed', 'Separations that could not be removed; they are tried again')
  const due = gauge('due', 'Separations that a dry run would have removed')
  const dueBytes = gauge('due_bytes', 'Bytes of their stems')
  return (retired: Retired): void => {
    if (isDryRun) {
      due.set(retired.separations)
      dueBytes.set(retired.bytes)
    } else {
      removed.inc(retired.separations)
      bytes.inc(retired.bytes)
    }
    failed.inc(retired.failed)
  }
}
