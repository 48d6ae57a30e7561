import type { Manifest } from '@stems/domain/manifest'
import { type ManifestWithAudio, withAnalysis } from '@stems/domain/separation-analysis'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'

/** Joins a manifest with the audio facts in the store. An analysis that cannot be read is logged and left out. */
export const joinAnalysis = async (
  manifest: Manifest,
  store: Pick<StemStore, 'readAnalysis'>,
  log: Log,
): Promise<ManifestWithAudio> => {
  const taskId = manifest.task_id
  const analysis = await store.readAnalysis(taskId).catch((error: Error) => {
    log.warn({ taskId, error: error.message }, 'analysis.unreadable')
    return undefined
  })
  return withAnalysis(manifest, analysis)
}
