import { Readable } from 'node:stream'
import pLimit from 'p-limit'
import { z } from 'zod'
import { sendFailure } from './answers.ts'
import { UNKNOWN_TASK } from './api-routes.ts'
import type { DocumentedApp } from './documented.ts'
import { isRunning, type Library } from './library.ts'
import { commonProblems, problemResponse } from './problem.ts'
import { type EventPace, finishedId, separationEvents } from './separation-events.ts'

/** How events are sent; the defaults are those of every board. */
export type EventLimits = EventPace & { streams: number }

const LIMITS: EventLimits = { streams: 100, everyMs: 1000, heartbeatMs: 15_000 }
// A reader that takes nothing for as long would keep its place, and is disconnected.
const UNREAD_MS = 60_000
// The same while the board closes.
const GOODBYE_MS = 1000

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
export const addEventsRoute = (app: DocumentedApp, library: Library, limits = LIMITS): void => {
  const open = new Set<Readable>()
  const closing = new AbortController()
  const oneAtATime = pLimit(1) // a hundred looks at once would keep other requests waiting
  app.addHook('preClose', (done) => {
    closing.abort()
    const destroyAll = () => {
      for (const stream of open) stream.destroy()
    }
    setTimeout(destroyAll, GOODBYE_MS).unref()
    done()
  })

  // No HEAD: it would be a stream that nobody reads.
  app.get('/api/separations/:taskId/events', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { taskId } = request.params
    const state = await library.find(taskId)
    if (!state) return sendFailure(request, reply, 404, UNKNOWN_TASK)
    const isKnown = !isRunning(state) && request.headers['last-event-id'] === finishedId(state)
    if (isKnown) return reply.code(204).send(null)
    if (open.size >= limits.streams) {
      const detail = `More than ${limits.streams} streams of events are open. Ask for the state instead.`
      return sendFailure(request, reply, 503, detail)
    }
    const find = () => oneAtATime(() => library.find(taskId))
    const stream = Readable.from(separationEvents(state, find, limits, closing.signal))
    open.add(stream)
    stream.once('close', () => open.delete(stream))
    request.raw.socket.setTimeout(UNREAD_MS) // then Node destroys it
    return reply
      .type('text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store, no-transform')
      .header('connection', 'close') // a board that closes would wait for its next request
      .header('x-accel-buffering', 'no') // nginx would keep the events to itself
      .send(stream as never)
  })
}
