import { z } from 'zod'

/** The number of a page in a query, from 1. */
export const pageSchema = z
  .string()
  .regex(/^[1-9]\d{0,6}$/, 'must be a whole number from 1')
  .transform(Number)
  .default(1)

/** The page that people ask for; the first one where what they ask for makes no sense. */
export const readPageNumber = (query: unknown): number =>
  z.object({ page: pageSchema }).safeParse(query).data?.page ?? 1

/** How many pages of a length a list has. An empty one has one. */
export const pagesOf = (total: number, length: number): number => Math.max(1, Math.ceil(total / length))
