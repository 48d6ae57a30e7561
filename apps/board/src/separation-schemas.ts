import { emptyStemSchema, failedStemSchema, manifestSchema } from '@stems/domain/manifest'
import { manifestWithAudioSchema, savedStemWithAudioSchema } from '@stems/domain/separation-analysis'
import { LISTED_STATUSES } from '@stems/queue/library-index'
import { z } from 'zod'

export const statusSchema = z
  .enum(LISTED_STATUSES)
  .describe(
    '`expected`: registered, and nobody has said anything of it yet. `waiting`: for a worker. `downloading`: its stems are ' +
      'on their way. `complete`, `partial`, `failed`: it has ended with all, some or none of its stems.',
  )

/** A stem of a separation; `pending` while it is not known how it ends, `href` where it can be opened. */
export const stemSchema = z.union([
  savedStemWithAudioSchema.extend({ href: z.string().describe('Where the file can be fetched') }),
  failedStemSchema,
  emptyStemSchema.describe('The provider named it and gave no link'),
  z.object({ status: z.literal('pending') }),
])

/** A separation, in the words of the manifest. */
export const separationEntrySchema = z.object({
  task_id: z.string(),
  status: statusSchema,
  type: manifestSchema.shape.type,
  code: z.number().int().describe("The provider's; 200 is success"),
  msg: z.string(),
  received_at: z.iso.datetime().describe('When its callback came, or it was registered'),
  finished_at: z.iso.datetime().nullable(),
  problem: z.string().nullable().describe('What keeps the separation as a whole from its end, for people'),
  counts: z
    .object({ ended: z.number().int(), total: z.number().int() })
    .describe('Stems that have come to an end, saved or not, of all that have a link'),
  stems: z.record(z.string(), stemSchema),
  manifest_url: z.string().nullable().describe('Where manifest.json can be fetched, once it is there'),
})

export const progressSchema = z.object({
  state: z
    .enum(['waiting', 'downloading', 'retrying', 'saved', 'failed'])
    .describe('`retrying`: an attempt has failed, and the next one comes later'),
  bytes: z.number().int().nullable().describe('Downloaded so far by this attempt; null where nobody knows'),
  total: z.number().int().nullable(),
  attempts: z.number().int().describe('Attempts that have come to an end'),
  last_error: z.object({ code: z.string(), message: z.string() }).nullable(),
})

/** All that is known of one separation, whether it runs or has ended. */
export const separationSchema = separationEntrySchema.extend({
  progress: z
    .record(z.string(), progressSchema)
    .describe('Of each stem that has a link; empty once the queue has forgotten the separation'),
  manifest: manifestWithAudioSchema
    .nullable()
    .describe('manifest.json, once it is there, joined with the audio facts of analysis.json'),
})

export type LibraryStem = z.infer<typeof stemSchema>
export type LibraryEntry = z.infer<typeof separationEntrySchema>
export type StemProgress = z.infer<typeof progressSchema>
export type WholeSeparation = z.infer<typeof separationSchema>
