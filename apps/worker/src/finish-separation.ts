import { buildManifest, type Manifest, type StemOutcome } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { WorkerMetrics } from './metrics.ts'

export type FinishOptions = { store: StemStore; metrics: WorkerMetrics; log: Log }

/** Writes the account of a separation whose stems have all come to an end. Safe to repeat. */
export const createFinishSeparation = ({ store, metrics, log }: FinishOptions) => {
  // Files that no account vouches for came from links that were believed before they were compared.
  const removeUnvouched = async ({ taskId, stems }: Separation): Promise<void> => {
    for (const { name } of stems) {
      const found = await store.find(taskId, name)
      if (!found) continue
      await store.remove(taskId, found.file)
      log.warn({ taskId, stem: name, file: found.file }, 'stem.removed: its link was not borne out')
    }
  }

  return async (
    separation: Separation,
    outcomes: ReadonlyMap<string, StemOutcome>,
    confirmLock: () => Promise<void>,
  ): Promise<Manifest['status']> => {
    const { taskId, code } = separation
    const isRefused = isDisbelieved([...outcomes.values()])
    const saysNothing = isRefused || separation.stems.length === 0
    const before = await store.readManifest(taskId)
    if (saysNothing && before && hasSaved(before)) return before.status // who is not believed, or names nothing, takes nothing away from it
    const manifest = buildManifest(separation, outcomes, new Date().toISOString())
    await confirmLock() // a worker that was paused must not put an old account over a newer one
    if (isRefused) await removeUnvouched(separation)
    await store.writeManifest(manifest)
    if (!isRefused) await store.noteClosed(taskId) // else the note may be that of an honest callback which Redis has lost
    metrics.separations.inc({ status: manifest.status })
    log.info(
      { taskId, code, status: manifest.status, stems: Object.keys(manifest.stems).length },
      'separation.finished',
    )
    return manifest.status
  }
}

/** Was what a callback said not borne out by the provider's record? */
export const isDisbelieved = (outcomes: Manifest['stems'][string][]): boolean =>
  outcomes.some((outcome) => outcome.status === 'failed' && outcome.error.code === 'unconfirmed')

const hasSaved = ({ stems }: Manifest): boolean => Object.values(stems).some(({ status }) => status === 'saved')
