import { separationOfManifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { QueueAwayError } from '@stems/queue/listing'
import type { ReplayAnswer, Submitter } from '@stems/queue/submit'
import type { StemStore } from '@stems/store/stem-store'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendFailure } from './answers.ts'

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

/** Adds the replay of a separation: a button for people, a POST for programs. */
export const addReplayRoute = (app: FastifyInstance, replay: Replay): void => {
  const changes = { config: { changes: true } }
  app.post<{ Params: { taskId: string } }>('/separations/:taskId/replay', changes, async (request, reply) => {
    const refusal = await attempt(request, reply)
    return refusal ?? reply.redirect('/', 303)
  })
  app.post<{ Params: { taskId: string } }>('/api/separations/:taskId/replay', changes, async (request, reply) => {
    const refusal = await attempt(request, reply)
    return refusal ?? reply.code(202).send({ task_id: request.params.taskId, status: 'driven' })
  })

  type TaskRequest = FastifyRequest<{ Params: { taskId: string } }>
  const attempt = async (request: TaskRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const { taskId } = request.params
    const answer = taskIdSchema.safeParse(taskId).success ? await replay(taskId) : 'unknown'
    if (answer === 'unknown') return sendFailure(request, reply, 404, 'Nobody here knows a separation of this id.')
    if (answer === 'running') return sendFailure(request, reply, 409, 'This separation has not ended yet.')
    request.log.info({ taskId }, 'separation.replayed')
    return undefined
  }
}
