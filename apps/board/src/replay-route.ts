import { separationOfManifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { orQueueAway } from '@stems/queue/queue-away-error'
import type { Submitter } from '@stems/queue/submit'
import type { StemStore } from '@stems/store/stem-store'
import type { FastifyBaseLogger } from 'fastify'
import { z } from 'zod'
import { refusal } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import { actionProblems, problemResponse } from './problem.ts'

/** What a separation is made of comes from the queue, or from its manifest in the store. */
export type ReplayOptions = { submitter: Pick<Submitter, 'replay'>; store: Pick<StemStore, 'readManifest'> }

const schema = {
  summary: 'Drives a separation again that has ended',
  description: 'Stems that are home are checked and not fetched again; the manifest is written anew.',
  params: z.object({ taskId: z.string() }),
  response: {
    202: z.object({ task_id: z.string(), status: z.literal('driven') }),
    404: problemResponse('No separation with this ID'),
    409: problemResponse('It has not ended yet'),
    ...actionProblems,
  },
}

/** Adds the replay of a separation: a button for people, and a route for programs. */
export const addReplayRoutes = (app: DocumentedApp, options: ReplayOptions): void => {
  type Replayed = { Params: { taskId: string }; Querystring: { back?: unknown } }
  app.post<Replayed>('/separations/:taskId/replay', async (request, reply) => {
    const { taskId } = request.params
    await replay(options, taskId, request.log)
    return reply.redirect(request.query.back === 'separation' ? `/separations/${taskId}` : '/', 303)
  })
  app.post('/api/separations/:taskId/replay', { schema }, async (request, reply) => {
    const { taskId } = request.params
    await replay(options, taskId, request.log)
    return reply.code(202).send({ task_id: taskId, status: 'driven' })
  })
}

const replay = async ({ submitter, store }: ReplayOptions, taskId: string, log: FastifyBaseLogger): Promise<void> => {
  const readSeparation = async () => {
    const manifest = await store.readManifest(taskId)
    return manifest && separationOfManifest(manifest)
  }
  const isTaskId = taskIdSchema.safeParse(taskId).success
  const answer = isTaskId ? await orQueueAway(submitter.replay(taskId, readSeparation)) : 'unknown'
  if (answer === 'unknown') throw refusal(404, 'No separation with this ID.')
  if (answer === 'running') throw refusal(409, 'This separation has not ended yet.')
  log.info({ taskId }, 'separation.replayed')
}
