import { isDeepStrictEqual } from 'node:util'
import type { SavedStem } from '@stems/domain/manifest'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import type { Amender } from '@stems/queue/amend'
import type { AnalysisJob, AnalysisResult } from '@stems/queue/jobs'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { WorkerMetrics } from '../metrics.ts'
import type { AnalysisThread } from './analysis-thread.ts'
import { withKnownFacts } from './known-facts.ts'

const LONGEST_MS = 15 * 60_000 // for one stem; a song takes two seconds

export type AnalyseSeparationOptions = {
  store: Pick<StemStore, 'readManifest' | 'readAnalysis' | 'writeAnalysis'>
  thread: Pick<AnalysisThread, 'analyse'>
  amend: Amender['amend']
  /** Is told of each stem that was looked at. */
  onAnalysed: (taskId: string) => Promise<void>
  metrics: Pick<WorkerMetrics, 'analyses' | 'analysedSeconds'>
  log: Log
}

/**
 * Looks at each saved stem of a separation that nobody has looked at yet, lays what it finds beside it, and has the manifest
 * tell of it. Safe to end and to repeat at any point: what was found stays.
 *
 * @throws from what it returns, when store or Redis do not answer
 */
export const createAnalyseSeparation = (options: AnalyseSeparationOptions) => {
  const { store, thread, amend, onAnalysed, metrics, log } = options

  const lookAt = async (taskId: string, { file, sha256 }: SavedStem, signal: AbortSignal) => {
    const tooLong = AbortSignal.timeout(LONGEST_MS)
    try {
      return await thread.analyse({ taskId, file }, AbortSignal.any([signal, tooLong]))
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (tooLong.aborted) return nothingFound(sha256, 'it took too long to look at')
      if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
        return nothingFound(sha256, 'it took too much memory to look at')
      throw error
    }
  }

  // What is known of these very bytes is not looked for again; what is wrong with them is known as well.
  const isKnown = async (taskId: string, stem: string, { sha256 }: SavedStem): Promise<boolean> =>
    (await store.readAnalysis(taskId, stem))?.stemkeeper.sha256 === sha256

  const analyseStem = async (taskId: string, stem: string, saved: SavedStem, signal: AbortSignal): Promise<boolean> => {
    const startedAt = performance.now()
    const analysis = await lookAt(taskId, saved, signal)
    const found = analysis?.stemkeeper
    const isSame = found?.sha256 === saved.sha256
    if (analysis && isSame) {
      await store.writeAnalysis(taskId, stem, analysis)
      await onAnalysed(taskId)
    }
    const outcome = !isSame ? 'other_bytes' : found.problem ? 'problem' : 'analysed'
    const { duration_seconds: seconds = 0 } = found?.audio ?? {}
    metrics.analyses.inc({ outcome })
    metrics.analysedSeconds.inc(seconds)
    const ms = Math.round(performance.now() - startedAt)
    log.info({ taskId, stem, ms, outcome, seconds, ...(found?.problem && { problem: found.problem }) }, 'stem.analysed')
    return isSame
  }

  return async (job: AnalysisJob, signal: AbortSignal): Promise<AnalysisResult> => {
    const { taskId } = job
    let analysed = 0
    for (const [stem, outcome] of Object.entries((await store.readManifest(taskId))?.stems ?? {})) {
      signal.throwIfAborted()
      if (outcome.status !== 'saved' || (await isKnown(taskId, stem, outcome))) continue
      if (await analyseStem(taskId, stem, outcome, signal)) analysed++
    }
    const manifest = await store.readManifest(taskId)
    if (manifest && !isDeepStrictEqual(manifest, await withKnownFacts(store, manifest))) await amend(job)
    return { analysed }
  }
}

const nothingFound = (sha256: string, problem: string): StemAnalysis => ({
  ...{ version: 2, channels: 1, sample_rate: 0, samples_per_pixel: 1, bits: 8, length: 0, data: [] },
  stemkeeper: { version: 1, sha256, problem },
})
