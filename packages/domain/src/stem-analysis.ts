import { z } from 'zod'
import { audioFactsSchema } from './audio-facts.ts'

const byte = z.number().int().min(-128).max(127)

/**
 * `<stem>.peaks.json`: what was found in the bytes of a stem. It is a waveform as audiowaveform writes it, version 2
 * (https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md), so that players read it as it is, and one member more.
 */
export const stemAnalysisSchema = z
  .object({
    version: z.literal(2),
    /** Over all channels of the stem. */
    channels: z.literal(1),
    /** 0 where nobody could tell. */
    sample_rate: z.number().int().nonnegative(),
    samples_per_pixel: z.number().int().positive(),
    bits: z.literal(8),
    /** Points; 0 for a format without a decoder, and for what could not be read. */
    length: z.number().int().nonnegative(),
    /** Lowest and highest sample of each point. */
    data: z.array(byte),
    stemkeeper: z.object({
      version: z.literal(1),
      /** Of the bytes that were analysed: of others it says nothing. */
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      /** Left out where the bytes gave none. */
      audio: audioFactsSchema.optional(),
      /** What was wrong with the bytes, in words for people. */
      problem: z.string().optional(),
    }),
  })
  .refine(({ length, data }) => data.length === 2 * length, 'data must hold two numbers for each point')

export type StemAnalysis = z.infer<typeof stemAnalysisSchema>
