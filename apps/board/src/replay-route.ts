import { separationOfManifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { QueueAwayError } from '@stems/queue/queue-away-error'
import type { ReplayAnswer, Submitter } from '@stems/queue/submit'
import type { StemStore } from '@stems/store/stem-store'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { z } from 'zod'
import { sendFailure } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import { actionProblems, problemResponse } from './problem.ts'

/** Drives a separation again; what it is made of comes from the queue, or from its manifest. */
export type Replay = (taskId: string) => Promise<ReplayAnswer>

/** @returns a function that throws QueueAwayError when Redis does not answer */
export const createReplay =
  (submitter: Pick<Submitter, 'replay'>, store: Pick<StemStore, 'readManifest'>): Replay =>
  async (taskId) => {
    try {
      return await submitter.replay(taskId, async () => {
        const manifest = await store.readManifest(taskId)
        return manifest && separationOfManifest(manifest)
      })
    } catch (error) {
      throw new QueueAwayError(error)
    }
  }

const schema = {
  summary: 'Drives a separation again that has ended',
  description: 'Stems that are home are checked and not fetched again; the manifest is written anew.',
  params: z.object({ taskId: z.string() }),
  response: {
    202: z.object({ task_id: z.string(), status: z.literal('driven') }),
    404: problemResponse('Nobody here knows it'),
    409: problemResponse('It has not ended yet'),
    ...actionProblems,
  },
}

/** Adds the replay of a separation for people: a button. */
export const addReplayButton = (app: FastifyInstance, replay: Replay): void => {
  type Replayed = { Params: { taskId: string }; Querystring: { back?: unknown } }
  app.post<Replayed>('/separations/:taskId/replay', async (request, reply) => {
    const { taskId } = request.params
    const refusal = await attempt(replay, taskId, request.log)
    if (refusal) return sendFailure(request, reply, ...refusal)
    return reply.redirect(request.query.back === 'separation' ? `/separations/${taskId}` : '/', 303)
  })
}

/** Adds the replay of a separation for programs. */
export const addReplayRoute = (app: DocumentedApp, replay: Replay): void => {
  app.post('/api/separations/:taskId/replay', { schema }, async (request, reply) => {
    const { taskId } = request.params
    const refusal = await attempt(replay, taskId, request.log)
    if (refusal) return sendFailure(request, reply, ...refusal)
    return reply.code(202).send({ task_id: taskId, status: 'driven' })
  })
}

type Refusal = [status: number, detail: string]

const attempt = async (replay: Replay, taskId: string, log: FastifyBaseLogger): Promise<Refusal | undefined> => {
  const answer = taskIdSchema.safeParse(taskId).success ? await replay(taskId) : 'unknown'
  if (answer === 'unknown') return [404, 'Nobody here knows a separation of this id.']
  if (answer === 'running') return [409, 'This separation has not ended yet.']
  log.info({ taskId }, 'separation.replayed')
  return undefined
}
