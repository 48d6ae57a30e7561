import { z } from 'zod'
import { sendFailure } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import type { Library } from './library.ts'
import { placeSchema, placeText } from './library-view.ts'
import { commonProblems, problemResponse } from './problem.ts'
import { separationEntrySchema, separationSchema, statusSchema } from './separation-schemas.ts'

const LIMIT = 'must be a whole number from 1 to 200'

const listSchema = {
  summary: 'Lists the separations',
  description:
    'Follow `next_cursor` until it is null. A page may hold fewer than `limit`, or none, and have a next one. A walk misses ' +
    'no separation that was there, with this status, from its first page to its last; one that moves meanwhile may be shown ' +
    'twice. The newest come first.',
  querystring: z.object({
    status: statusSchema.optional(),
    cursor: placeSchema.optional().describe('`next_cursor` of the page before, asked for with the same status'),
    limit: z
      .string()
      .regex(/^[1-9]\d{0,2}$/, LIMIT)
      .transform(Number)
      .refine((limit) => limit <= 200, LIMIT)
      .default(50)
      .describe('How many a page holds at most: 1 to 200'),
  }),
  response: {
    200: z.object({
      separations: z.array(separationEntrySchema),
      next_cursor: z.string().nullable(),
    }),
    400: problemResponse('A status, cursor or limit that makes no sense; `errors` names it'),
    ...commonProblems,
  },
}

const oneSchema = {
  summary: 'Tells all that is known of a separation',
  description: 'The same shape whether it is expected, runs or has ended; `manifest` is there once it has ended.',
  params: z.object({ taskId: z.string() }),
  response: {
    200: separationSchema,
    404: problemResponse('Neither the queue nor the store know it'),
    ...commonProblems,
  },
}

/** What is said of a task that nobody knows. */
export const UNKNOWN_TASK = 'Neither the queue nor the store know a separation of this id.'

/** Adds the library for programs. */
export const addApiRoutes = (app: DocumentedApp, library: Library): void => {
  app.get('/api/separations', { schema: listSchema }, async (request) => {
    const { status, cursor, limit } = request.query
    const { separations, more } = await library.walk(status, cursor, limit)
    return { separations, next_cursor: more ? placeText(more) : null }
  })
  app.get('/api/separations/:taskId', { schema: oneSchema }, async (request, reply) => {
    const found = await library.find(request.params.taskId)
    return found ?? sendFailure(request, reply, 404, UNKNOWN_TASK)
  })
}
