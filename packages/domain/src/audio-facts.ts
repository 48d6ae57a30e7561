import { z } from 'zod'

/** A stem whose highest sample is below this, in dBFS, counts as silent: dither and the noise of an encoder lie below it. */
export const SILENT_BELOW_DB = -60

/** What a producer wants to know of a stem, by its bytes. What nobody could tell is left out. */
export const audioFactsSchema = z.object({
  duration_seconds: z.number().nonnegative(),
  /** Bits per second: of a file with a constant rate that one, else the mean. */
  bit_rate: z.number().int().nonnegative().optional(),
  /** Samples per second and channel. */
  sample_rate: z.number().int().positive().optional(),
  channels: z.number().int().positive().optional(),
  /** The highest sample, in dBFS; above 0 where the decoder's goes over full scale. Left out where all samples are zero. */
  peak_db: z.number().optional(),
  /** Integrated loudness (ITU-R BS.1770), in LUFS; left out where nothing is louder than -70. */
  loudness_lufs: z.number().optional(),
  /** The highest sample is below {@link SILENT_BELOW_DB}. */
  silent: z.literal(true).optional(),
})

export type AudioFacts = z.infer<typeof audioFactsSchema>

/** Stems of one separation whose durations are further apart than this do not fit each other. */
export const LENGTHS_MAY_DIFFER_BY_SECONDS = 1
