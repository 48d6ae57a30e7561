import { taskIdSchema } from '@stems/domain/task-id'
import type { QuarantineEntry } from '@stems/queue/quarantine'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { sendFailure, sendPage } from './answers.ts'
import { readPageNumber } from './page-number.ts'
import { quarantinePage } from './pages/quarantine-page.ts'
import type { QuarantineDesk, ReleaseCounts } from './quarantine-desk.ts'

const count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)
const countsSchema = z.object({ accepted: count, duplicate: count, unreadable: count, unconfirmed: count })

/** Adds the quarantine: a page for people, the same for programs, and its release for both. */
export const addQuarantineRoutes = (app: FastifyInstance, desk: QuarantineDesk): void => {
  app.get('/quarantine', async (request, reply) => {
    const held = await desk.page(readPageNumber(request.query) ?? 1)
    const released = countsSchema.safeParse(request.query).data
    return sendPage(reply, quarantinePage(held, { mayAct: request.role === 'admin', released }))
  })
  app.get('/api/quarantine', async (request, reply) => {
    const page = readPageNumber(request.query)
    if (page === undefined) return sendFailure(request, reply, 400, 'page must be a whole number from 1.')
    const held = await desk.page(page)
    return { ...held, entries: held.entries.map(toApi) }
  })

  for (const path of ['/quarantine/release', '/quarantine/:taskId/release']) {
    app.post(path, { config: { changes: true } }, async (request, reply) => {
      const counts = await release(request)
      if (!counts) return sendFailure(request, reply, 404, NOT_HELD)
      return reply.redirect(
        `/quarantine?${new URLSearchParams(Object.entries(counts).map(([name, n]): [string, string] => [name, `${n}`]))}`,
        303,
      )
    })
    app.post(`/api${path}`, { config: { changes: true } }, async (request, reply) => {
      const counts = await release(request)
      return counts ?? sendFailure(request, reply, 404, NOT_HELD)
    })
  }

  /** `undefined` when the task that is named has nothing in quarantine. */
  const release = async (request: FastifyRequest): Promise<ReleaseCounts | undefined> => {
    const { taskId } = request.params as { taskId?: string }
    if (taskId !== undefined && !taskIdSchema.safeParse(taskId).success) return undefined
    const counts = await desk.release(taskId)
    const tried = Object.values(counts).reduce((sum, n) => sum + n, 0)
    if (taskId !== undefined && tried === 0) return undefined
    request.log.info({ taskId, ...counts }, 'quarantine.released')
    return counts
  }
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
