import { parseCallback } from '@stems/provider/callback'
import type { Quarantine, QuarantineEntry } from '@stems/queue/quarantine'
import type { Submitter } from '@stems/queue/submit'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { refusal, sendPage } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import { pageSchema, pagesOf, readPageNumber } from './page-number.ts'
import { type QuarantinePage, quarantinePage, type ReleaseCounts } from './pages/quarantine-page.ts'
import { actionProblems, commonProblems, problemResponse } from './problem.ts'

export type QuarantineOptions = {
  quarantine: Pick<Quarantine, 'list' | 'release'>
  submitter: Pick<Submitter, 'submit' | 'compareAgain'>
}

const PAGE_LENGTH = 20 // each may be as large as a callback

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
  querystring: z.object({ page: pageSchema }),
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

/** Adds the quarantine, for people and for programs. */
export const addQuarantineRoutes = (app: DocumentedApp, options: QuarantineOptions): void => {
  app.get('/quarantine', async (request, reply) => {
    const held = await readPage(options, readPageNumber(request.query))
    const released = countsSchema.safeParse(request.query).data
    return sendPage(reply, quarantinePage(held, { mayAct: request.role === 'admin', released }))
  })
  for (const path of ['/quarantine/release', '/quarantine/:taskId/release']) {
    app.post(path, async (request, reply) => {
      const released = Object.entries(await release(options, request))
      const query = new URLSearchParams(released.map(([name, n]): [string, string] => [name, `${n}`]))
      return reply.redirect(`/quarantine?${query}`, 303)
    })
  }
  app.get('/api/quarantine', { schema: listSchema }, async (request) => {
    const held = await readPage(options, request.query.page)
    return { ...held, entries: held.entries.map(toApi) }
  })
  app.post('/api/quarantine/release', { schema: releaseAllSchema }, (request) => release(options, request))
  app.post('/api/quarantine/:taskId/release', { schema: releaseOneSchema }, (request) => release(options, request))
}

// The newest come first.
const readPage = async ({ quarantine }: QuarantineOptions, page: number): Promise<QuarantinePage> => {
  const { total, entries } = await quarantine.list((page - 1) * PAGE_LENGTH, PAGE_LENGTH)
  return { page, pages: pagesOf(total, PAGE_LENGTH), total, entries }
}

/** Tries again what this version may be able to read by now: all, or what is held of the task that is named. */
const release = async (
  { quarantine, submitter }: QuarantineOptions,
  request: FastifyRequest,
): Promise<ReleaseCounts> => {
  const { taskId } = (request.params ?? {}) as { taskId?: string }
  const { submit, compareAgain } = submitter
  const counts: ReleaseCounts = { accepted: 0, duplicate: 0, unreadable: 0, unconfirmed: 0 }
  const taskIds = taskId === undefined ? undefined : [taskId]
  for await (const { answer } of quarantine.release({ parse: parseCallback, submit, compareAgain, taskIds })) {
    counts[answer]++
  }
  if (taskIds && Object.values(counts).every((count) => count === 0)) {
    throw refusal(404, 'The quarantine holds nothing of this task.')
  }
  request.log.info({ taskId, ...counts }, 'quarantine.released')
  return counts
}

const toApi = ({ id, kind = 'shape', taskId, reason, receivedAt, payload }: QuarantineEntry) => ({
  id,
  kind,
  task_id: taskId,
  reason,
  received_at: receivedAt,
  payload,
})
