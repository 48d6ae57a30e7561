import { z } from 'zod'
import { audioFactsSchema, LENGTHS_MAY_DIFFER_BY_SECONDS } from './audio-facts.ts'
import { emptyStemSchema, failedStemSchema, type Manifest, manifestSchema, savedStemSchema } from './manifest.ts'
import { type StemFacts, stemFactsSchema } from './stem-analysis.ts'

const lengthsDifferSchema = z.literal(true).optional()

/** `analysis.json`, version 1: the audio facts of all analyzed stems of a separation. */
export const separationAnalysisSchema = z.object({
  version: z.literal(1),
  task_id: z.string(),
  analyzed_at: z.iso.datetime(),
  /** Some stems are more than a second longer than others. */
  lengths_differ: lengthsDifferSchema,
  stems: z.record(z.string(), stemFactsSchema),
})

/** A saved stem with its audio facts; they are missing until the stem is analyzed, and where its bytes gave none. */
export const savedStemWithAudioSchema = savedStemSchema.extend({ audio: audioFactsSchema.optional() })

/** A manifest joined with its analysis, as the API and the board show it. */
export const manifestWithAudioSchema = manifestSchema.extend({
  lengths_differ: lengthsDifferSchema,
  stems: z.record(
    z.string(),
    z.discriminatedUnion('status', [savedStemWithAudioSchema, failedStemSchema, emptyStemSchema]),
  ),
})

export type SeparationAnalysis = z.infer<typeof separationAnalysisSchema>
export type ManifestWithAudio = z.infer<typeof manifestWithAudioSchema>

/**
 * Builds the analysis of a separation.
 *
 * @param stems the facts of each analyzed stem, by name
 * @param analyzedAt ISO time
 */
export const buildAnalysis = (
  taskId: string,
  stems: ReadonlyMap<string, StemFacts>,
  analyzedAt: string,
): SeparationAnalysis => ({
  version: 1,
  task_id: taskId,
  analyzed_at: analyzedAt,
  ...lengthsDiffer([...stems.values()]),
  stems: Object.fromEntries(stems),
})

/**
 * Joins a manifest with its analysis. Only facts about the bytes that a stem has now are used: a re-run may have replaced a
 * stem since it was analyzed.
 *
 * @param analysis missing when the separation is not analyzed
 */
export const withAnalysis = (
  { stems, ...account }: Manifest,
  analysis: SeparationAnalysis | undefined,
): ManifestWithAudio => {
  const used: StemFacts[] = []
  const joined = Object.entries(stems).map(([name, stem]) => {
    const facts = analysis?.stems[name]
    if (stem.status !== 'saved' || facts?.sha256 !== stem.sha256) return [name, stem] as const
    used.push(facts)
    return [name, facts.audio ? { ...stem, audio: facts.audio } : stem] as const
  })
  return { ...account, ...lengthsDiffer(used), stems: Object.fromEntries(joined) }
}

const lengthsDiffer = (stems: StemFacts[]): { lengths_differ?: true } => {
  const durations = stems.flatMap(({ audio }) => audio?.duration_seconds ?? [])
  const isApart = Math.max(...durations) - Math.min(...durations) > LENGTHS_MAY_DIFFER_BY_SECONDS
  return isApart ? { lengths_differ: true } : {}
}
