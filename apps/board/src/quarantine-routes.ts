import { taskIdSchema } from '@stems/domain/task-id'
import type { QuarantineEntry } from '@stems/queue/quarantine'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { sendFailure, sendPage } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import { readPageNumber } from './page-number.ts'
import { quarantinePage } from './pages/quarantine-page.ts'
import { actionProblems, commonProblems, problemResponse } from './problem.ts'
import type { QuarantineDesk, ReleaseCounts } from './quarantine-desk.ts'

const count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)
const countsSchema = z.object({ accepted: count, duplicate: count, unreadable: count, unconfirmed: count })

const entrySchema = z.object({
  id: z.string(),
  kind: z.enum(['shape', 'unconfirmed']).describe("`unconfirmed`: the provider's own record does not bear it out"),
  task_id: z.string(),
  reason: z.string(),
  received_at: z.string(),
  payload: z.unknown().describe('Whole, as it came'),
})

const listSchema = {
  summary: 'Lists the quarantine, newest first',
  querystring: z.object({
    page: z
      .string()
      .regex(/^[1-9]\d{0,6}$/, 'must be a whole number from 1')
      .transform(Number)
      .default(1),
  }),
  response: {
    200: z.object({
      page: z.number().int(),
      pages: z.number().int(),
      total: z.number().int(),
      entries: z.array(entrySchema),
    }),
    400: problemResponse('A page that makes no sense'),
    ...commonProblems,
  },
}

const releaseAllSchema = {
  summary: 'Tries the quarantine again',
  response: {
    200: z
      .object({
        accepted: z.number(),
        duplicate: z.number(),
        unreadable: z.number(),
        unconfirmed: z.number(),
      })
      .describe('How many came to which end; `unreadable` and `unconfirmed` ones stay'),
    404: problemResponse('The quarantine holds nothing of this task'),
    ...actionProblems,
  },
}
const releaseOneSchema = { ...releaseAllSchema, params: z.object({ taskId: z.string() }) }

/** Adds the quarantine for people: a page, and its release. */
export const addQuarantinePage = (app: FastifyInstance, desk: QuarantineDesk): void => {
  app.get('/quarantine', async (request, reply) => {
    const held = await desk.page(readPageNumber(request.query) ?? 1)
    const released = countsSchema.safeParse(request.query).data
    return sendPage(reply, quarantinePage(held, { mayAct: request.role === 'admin', released }))
  })
  for (const path of ['/quarantine/release', '/quarantine/:taskId/release']) {
    app.post(path, async (request, reply) => {
      const released = await release(desk, request)
      if (!released) return sendFailure(request, reply, 404, NOT_HELD)
      return reply.redirect(
        `/quarantine?${new URLSearchParams(Object.entries(released).map(([name, n]): [string, string] => [name, `${n}`]))}`,
        303,
      )
    })
  }
}

/** Adds the quarantine for programs. */
export const addQuarantineRoutes = (app: DocumentedApp, desk: QuarantineDesk): void => {
  app.get('/api/quarantine', { schema: listSchema }, async (request) => {
    const held = await desk.page(request.query.page)
    return { ...held, entries: held.entries.map(toApi) }
  })
  app.post('/api/quarantine/release', { schema: releaseAllSchema }, async (request, reply) => {
    const released = await release(desk, request)
    return released ?? sendFailure(request, reply, 404, NOT_HELD)
  })
  app.post('/api/quarantine/:taskId/release', { schema: releaseOneSchema }, async (request, reply) => {
    const released = await release(desk, request)
    return released ?? sendFailure(request, reply, 404, NOT_HELD)
  })
}

/** `undefined` when the task that is named has nothing in quarantine. */
const release = async (desk: QuarantineDesk, request: FastifyRequest): Promise<ReleaseCounts | undefined> => {
  const { taskId } = (request.params ?? {}) as { taskId?: string }
  if (taskId !== undefined && !taskIdSchema.safeParse(taskId).success) return undefined
  const counts = await desk.release(taskId)
  const tried = Object.values(counts).reduce((sum, n) => sum + n, 0)
  if (taskId !== undefined && tried === 0) return undefined
  request.log.info({ taskId, ...counts }, 'quarantine.released')
  return counts
}

const NOT_HELD = 'The quarantine holds nothing of this task.'

const toApi = ({ id, kind = 'shape', taskId, reason, receivedAt, payload }: QuarantineEntry) => ({
  id,
  kind,
  task_id: taskId,
  reason,
  received_at: receivedAt,
  payload,
})
