import { z } from 'zod'
import { sendFailure } from './answers.ts'
import { UNKNOWN_TASK } from './api-routes.ts'
import type { DocumentedApp } from './documented.ts'
import type { EventStreams } from './event-streams.ts'
import { isRunning, type Library } from './library.ts'
import { commonProblems, problemResponse } from './problem.ts'
import { finishedId, SeparationStream } from './separation-stream.ts'

const schema = {
  summary: 'Tells how a separation goes on, until it has ended',
  description:
    'Server-Sent Events. `status`: the separation without its stems. `progress`: of one stem, whenever it changes. ' +
    '`finished`: what GET /api/separations/{taskId} answers, manifest included; then the stream ends. Whoever comes, or comes ' +
    'again, gets the present state first. Comments keep the connection alive.',
  params: z.object({ taskId: z.string() }),
  response: {
    200: { description: 'The events', content: { 'text/event-stream': { schema: z.string() } } },
    204: z.null().describe('`Last-Event-ID` is that of `finished`, and nothing has happened since: do not come again'),
    404: problemResponse('Neither the queue nor the store know it'),
    ...commonProblems,
    503: problemResponse('Redis is away, or too many streams are open; ask again after `Retry-After` seconds'),
  },
}

/** Adds `GET /api/separations/<task_id>/events`. */
export const addEventsRoute = (app: DocumentedApp, library: Library, streams: EventStreams): void => {
  // No HEAD: it would be a stream that nobody reads.
  app.get('/api/separations/:taskId/events', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { taskId } = request.params
    const state = await library.find(taskId)
    if (!state) return sendFailure(request, reply, 404, UNKNOWN_TASK)
    const isKnown = !isRunning(state) && request.headers['last-event-id'] === finishedId(state)
    if (isKnown) return reply.code(204).send(null)
    if (streams.isFull()) return streams.sayFull(request, reply as never)
    const stream = new SeparationStream()
    const stop = streams.watch.watch(
      `separation ${taskId}`,
      () => library.find(taskId),
      (now) => (now ? stream.show(now) : stream.end()),
    )
    stream.show(state)
    return streams.answer(request, reply as never, stream, stop)
  })
}
