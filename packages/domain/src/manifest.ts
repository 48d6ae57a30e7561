import { z } from 'zod'
import { publicLink, redactLinks } from './link.ts'
import type { Separation } from './separation.ts'

/** A stem that is whole under its final name. `source_url` is the link's public form. */
export const savedStemSchema = z.object({
  status: z.literal('saved'),
  file: z.string(),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  content_type: z.string(),
  source_url: z.string(),
  saved_at: z.iso.datetime(),
})

/** A stem that was given up, with the reason. */
export const failedStemSchema = z.object({
  status: z.literal('failed'),
  source_url: z.string(),
  error: z.object({ code: z.string(), message: z.string() }),
})

/** A stem that the provider named without a link. */
export const emptyStemSchema = z.object({ status: z.literal('empty') })

/** `manifest.json`, version 1: the account of one separation, written last. */
export const manifestSchema = z.object({
  version: z.literal(1),
  task_id: z.string(),
  type: z.enum(['separate_vocal', 'split_stem', 'unknown']),
  status: z.enum(['complete', 'partial', 'failed']),
  code: z.number().int(),
  msg: z.string(),
  received_at: z.iso.datetime(),
  finished_at: z.iso.datetime(),
  stems: z.record(z.string(), z.discriminatedUnion('status', [savedStemSchema, failedStemSchema, emptyStemSchema])),
})

export type SavedStem = z.infer<typeof savedStemSchema>
export type FailedStem = z.infer<typeof failedStemSchema>
export type StemOutcome = SavedStem | FailedStem
export type Manifest = z.infer<typeof manifestSchema>

/**
 * The manifest of a separation whose stems have all come to an end.
 *
 * It is read by many and kept for long, so it names where a stem came from and never what opened it: links lose their
 * query string, fragment and credentials.
 *
 * @param separation what the callback said
 * @param outcomes by stem name; a stem with a link and without an outcome is reported as failed, never left out
 * @param finishedAt ISO time
 */
export const buildManifest = (
  separation: Separation,
  outcomes: ReadonlyMap<string, StemOutcome>,
  finishedAt: string,
): Manifest => {
  const stems = separation.stems.map(({ name, url }) => {
    const outcome = url === null ? ({ status: 'empty' } as const) : forAll(outcomes.get(name) ?? unaccounted(url))
    return [name, outcome] as const
  })
  return {
    version: 1,
    task_id: separation.taskId,
    type: separation.type,
    status: statusOf(stems.map(([, outcome]) => outcome.status)),
    code: separation.code,
    msg: redactLinks(separation.msg),
    received_at: separation.receivedAt,
    finished_at: finishedAt,
    stems: Object.fromEntries(stems),
  }
}

/**
 * The separation that a manifest accounts for, for driving it again when nobody else remembers it.
 *
 * @param manifest of any status
 */
export const separationOfManifest = (manifest: Manifest): Separation => ({
  taskId: manifest.task_id,
  type: manifest.type,
  code: manifest.code,
  msg: manifest.msg,
  receivedAt: manifest.received_at,
  stems: Object.entries(manifest.stems).map(([name, stem]) => ({
    name,
    url: stem.status === 'empty' ? null : stem.source_url,
  })),
})

const statusOf = (stems: ReadonlyArray<'saved' | 'failed' | 'empty'>): Manifest['status'] => {
  if (!stems.includes('saved')) return 'failed'
  return stems.includes('failed') ? 'partial' : 'complete'
}

const forAll = (outcome: StemOutcome): StemOutcome => ({ ...outcome, source_url: publicLink(outcome.source_url) })

const unaccounted = (url: string): FailedStem => ({
  status: 'failed',
  source_url: url,
  error: { code: 'interrupted', message: 'the download ended without a result. Replay the separation.' },
})
