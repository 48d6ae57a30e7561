import type { z } from 'zod'

/** A manifest or an analysis as a store keeps it: JSON for people. */
export const printJson = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

/** Peaks as a store keeps them: JSON for programs. */
export const printCompactJson = (value: object): string => `${JSON.stringify(value)}\n`

/**
 * Reads a file of a store.
 *
 * @returns `undefined` for text that does not match the schema: a broken file must not keep a separation from being processed again
 */
export const parseJson = <T>(schema: z.ZodType<T>, text: string | undefined): T | undefined => {
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
