import { z } from 'zod'

const querySchema = z.object({
  page: z
    .string()
    .regex(/^[1-9]\d{0,6}$/)
    .default('1')
    .transform(Number),
})

/** The page that a query asks for, the first one where it does not say; `undefined` where it makes no sense. */
export const readPageNumber = (query: unknown): number | undefined => querySchema.safeParse(query).data?.page
