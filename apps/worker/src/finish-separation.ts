import { buildManifest, type Manifest, type StemOutcome } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { WorkerMetrics } from './metrics.ts'

export type FinishOptions = { store: StemStore; metrics: WorkerMetrics; log: Log }

/** Writes the account of a separation whose stems have all come to an end. Safe to repeat. */
export const createFinishSeparation =
  ({ store, metrics, log }: FinishOptions) =>
  async (
    separation: Separation,
    outcomes: ReadonlyMap<string, StemOutcome>,
    confirmLock: () => Promise<void>,
  ): Promise<Manifest['status']> => {
    const { taskId, code } = separation
    const before = isDisbelieved(outcomes) ? await store.readManifest(taskId) : undefined
    if (before && hasSaved(before)) return before.status // who is not believed takes nothing away from what is home
    const manifest = buildManifest(separation, outcomes, new Date().toISOString())
    await confirmLock() // a worker that was paused must not put an old account over a newer one
    await store.writeManifest(manifest)
    await store.noteClosed(taskId)
    metrics.separations.inc({ status: manifest.status })
    log.info(
      { taskId, code, status: manifest.status, stems: Object.keys(manifest.stems).length },
      'separation.finished',
    )
    return manifest.status
  }

const isDisbelieved = (outcomes: ReadonlyMap<string, StemOutcome>): boolean =>
  [...outcomes.values()].some((outcome) => outcome.status === 'failed' && outcome.error.code === 'unconfirmed')

const hasSaved = ({ stems }: Manifest): boolean => Object.values(stems).some(({ status }) => status === 'saved')
