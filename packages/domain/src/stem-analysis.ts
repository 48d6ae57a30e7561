import { z } from 'zod'
import { audioFactsSchema } from './audio-facts.ts'

/** The audio facts of one stem, and the bytes that they are about: they say nothing about other bytes. */
export const stemFactsSchema = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Missing where the bytes gave none. */
  audio: audioFactsSchema.optional(),
  /** What is wrong with the bytes, in words for people. */
  problem: z.string().optional(),
})

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
    stemkeeper: z.object({ version: z.literal(1), ...stemFactsSchema.shape }),
  })
  .refine(({ length, data }) => data.length === 2 * length, 'data must hold two numbers for each point')

export type StemFacts = z.infer<typeof stemFactsSchema>
export type StemAnalysis = z.infer<typeof stemAnalysisSchema>
