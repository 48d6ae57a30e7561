import type { Separation } from '@stems/domain/separation'
import type { StuckFinder } from '@stems/queue/stuck'
import type { Submitter } from '@stems/queue/submit'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { repeat } from '@stems/telemetry/repeat'
import { isDisbelieved } from './finish-separation.ts'

const PART_AGE_MS = 6 * 3600_000 // longer than any backoff: nobody goes on from it any more

export type ReconcileOptions = {
  store: StemStore
  submitter: Pick<Submitter, 'stateOf' | 'submit' | 'replay'>
  stuck: StuckFinder
  everyMs: number
  log: Log
}

/**
 * Sees to it that every separation ends with a manifest: drives again what is open on the disk and forgotten by the
 * queue, or stuck in it. Sweeps parts that nobody will go on from. Many workers may do so at once: repeats are harmless.
 */
export const startReconcile = ({ store, submitter, stuck, everyMs, log }: ReconcileOptions) => {
  const reconcile = async (): Promise<void> => {
    const swept = await store.sweepParts(PART_AGE_MS)
    if (swept > 0) log.info({ swept }, 'reconcile.parts_swept')
    for (const taskId of await stuck.free()) log.warn({ taskId }, 'reconcile.stuck: driven again')
    for (const separation of await store.listOpen(everyMs)) await driveForgotten(separation)
  }

  // A note on the disk says that somebody began; only the queue can tell whether anybody goes on.
  const driveForgotten = async (separation: Separation): Promise<void> => {
    const { taskId } = separation
    const state = await submitter.stateOf(taskId)
    if (state === 'running') return
    const manifest = state === 'ended' ? await store.readManifest(taskId) : undefined
    if (manifest) {
      // What Redis lost may have been honest, and what came instead was not: then the note has a try of its own.
      if (isDisbelieved(Object.values(manifest.stems))) await submitter.submit(separation)
      return store.noteClosed(taskId)
    }
    const answer = await submitter.replay(taskId, async () => separation)
    if (answer === 'driven') log.warn({ taskId }, 'reconcile.forgotten: driven again')
  }

  return repeat(everyMs, reconcile, (error) => log.debug({ error: error.message }, 'reconcile.interrupted'))
}
