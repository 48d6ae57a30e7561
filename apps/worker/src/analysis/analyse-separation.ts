import { isDeepStrictEqual } from 'node:util'
import type { Manifest, SavedStem } from '@stems/domain/manifest'
import { buildAnalysis } from '@stems/domain/separation-analysis'
import type { StemAnalysis, StemFacts } from '@stems/domain/stem-analysis'
import type { AnalysisJob, AnalysisResult } from '@stems/queue/jobs'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { WorkerMetrics } from '../metrics.ts'
import type { AnalysisThread } from './analysis-thread.ts'

const LONGEST_MS = 15 * 60_000 // for one stem; a song takes two seconds

export type AnalyseSeparationOptions = {
  store: Pick<StemStore, 'readManifest' | 'readPeaks' | 'writePeaks' | 'readAnalysis' | 'writeAnalysis'>
  thread: Pick<AnalysisThread, 'analyse'>
  /** Called whenever `analysis.json` was written. */
  onAnalysed: (taskId: string) => Promise<void>
  metrics: Pick<WorkerMetrics, 'analyses' | 'analysedSeconds'>
  log: Log
}

type NamedStem = { stem: string; saved: SavedStem }

/**
 * Analyzes each saved stem that has no peaks yet, and writes the facts of all stems to `analysis.json` as they become known.
 * Safe to end and to repeat at any point: peaks that were written are not measured again.
 *
 * It starts over until it finds nothing to do. So the last job to finish has seen every re-run of the separation, and what
 * another job of the same separation wrote meanwhile.
 *
 * @throws from what it returns, when the store or Redis does not answer
 */
export const createAnalyseSeparation =
  (options: AnalyseSeparationOptions) =>
  async ({ taskId }: AnalysisJob, signal: AbortSignal): Promise<AnalysisResult> => {
    const { store } = options
    const tried = new Set<string>()
    let analysed = 0
    for (;;) {
      const manifest = await store.readManifest(taskId)
      if (!manifest) return { analysed }
      const facts = await readFacts(store, manifest)
      const missing = savedStems(manifest).filter((each) => !facts.has(each.stem) && !tried.has(keyOf(each)))
      for (const each of missing) {
        signal.throwIfAborted()
        tried.add(keyOf(each))
        const found = await analyseStem(options, taskId, each, signal)
        if (!found) continue
        analysed++
        signal.throwIfAborted() // after a pause another worker may have the job, and know more
        await writeFacts(options, taskId, facts.set(each.stem, found))
      }
      if (missing.length > 0) continue
      if (isDeepStrictEqual(await knownFacts(store, taskId), facts)) return { analysed }
      await writeFacts(options, taskId, facts)
    }
  }

const savedStems = ({ stems }: Manifest): NamedStem[] =>
  Object.entries(stems).flatMap(([stem, saved]) => (saved.status === 'saved' ? [{ stem, saved }] : []))

const keyOf = ({ stem, saved }: NamedStem): string => `${stem} ${saved.sha256}`

/** The facts of all stems whose peaks are about the bytes that the manifest lists. */
const readFacts = async (store: Pick<StemStore, 'readPeaks'>, manifest: Manifest): Promise<Map<string, StemFacts>> => {
  const found = await Promise.all(
    savedStems(manifest).map(async ({ stem, saved }): Promise<[string, StemFacts][]> => {
      const peaks = await store.readPeaks(manifest.task_id, stem)
      return peaks?.stemkeeper.sha256 === saved.sha256 ? [[stem, factsOf(peaks)]] : []
    }),
  )
  return new Map(found.flat())
}

const factsOf = ({ stemkeeper: { version: _ofPeaks, ...facts } }: StemAnalysis): StemFacts => facts

const knownFacts = async (store: Pick<StemStore, 'readAnalysis'>, taskId: string): Promise<Map<string, StemFacts>> =>
  new Map(Object.entries((await store.readAnalysis(taskId))?.stems ?? {}))

const writeFacts = async (
  { store, onAnalysed }: AnalyseSeparationOptions,
  taskId: string,
  facts: ReadonlyMap<string, StemFacts>,
): Promise<void> => {
  await store.writeAnalysis(taskId, buildAnalysis(taskId, facts, new Date().toISOString()))
  await onAnalysed(taskId)
}

/** @returns `undefined` when the stem does not have the bytes any more that the manifest lists */
const analyseStem = async (
  { store, thread, metrics, log }: AnalyseSeparationOptions,
  taskId: string,
  { stem, saved }: NamedStem,
  signal: AbortSignal,
): Promise<StemFacts | undefined> => {
  const startedAt = performance.now()
  const peaks = await measure(thread, taskId, saved, signal)
  const isSame = peaks?.stemkeeper.sha256 === saved.sha256
  if (peaks && isSame) await store.writePeaks(taskId, stem, peaks)
  const { audio, problem } = peaks?.stemkeeper ?? {}
  const outcome = !isSame ? 'other_bytes' : problem ? 'problem' : 'analysed'
  const { duration_seconds: seconds = 0 } = audio ?? {}
  metrics.analyses.inc({ outcome })
  metrics.analysedSeconds.inc(seconds)
  const ms = Math.round(performance.now() - startedAt)
  log.info({ taskId, stem, ms, outcome, seconds, ...(problem && { problem }) }, 'stem.analysed')
  return peaks && isSame ? factsOf(peaks) : undefined
}

const measure = async (
  thread: Pick<AnalysisThread, 'analyse'>,
  taskId: string,
  { file, sha256 }: SavedStem,
  signal: AbortSignal,
): Promise<StemAnalysis | undefined> => {
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

const nothingFound = (sha256: string, problem: string): StemAnalysis => ({
  ...{ version: 2, channels: 1, sample_rate: 0, samples_per_pixel: 1, bits: 8, length: 0, data: [] },
  stemkeeper: { version: 1, sha256, problem },
})
