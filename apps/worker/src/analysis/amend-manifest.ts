import { isDeepStrictEqual } from 'node:util'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { withKnownFacts } from './known-facts.ts'

export type AmendOptions = { store: Pick<StemStore, 'readManifest' | 'writeManifest' | 'readAnalysis'>; log: Log }

/** Puts what was found out about stems into the manifest of a separation that had ended, and changes nothing else. Safe to repeat. */
export const createAmendManifest =
  ({ store, log }: AmendOptions) =>
  async (taskId: string, confirmLock: () => Promise<void>): Promise<void> => {
    const before = await store.readManifest(taskId)
    if (!before) return
    const manifest = await withKnownFacts(store, before)
    if (isDeepStrictEqual(manifest, before)) return
    await confirmLock() // a worker that was paused must not put an old account over a newer one
    await store.writeManifest(manifest)
    log.debug({ taskId }, 'manifest.amended')
  }
