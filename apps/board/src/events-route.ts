import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { sendFailure } from './answers.ts'
import { UNKNOWN_TASK } from './api-routes.ts'
import type { DocumentedApp } from './documented.ts'
import { EventStream, finishedId } from './event-stream.ts'
import { isRunning, type Library } from './library.ts'
import { commonProblems, problemResponse } from './problem.ts'
import { createSeparationWatch } from './separation-watch.ts'

/** How events are sent; the defaults are those of every board. */
export type EventLimits = { streams: number; everyMs: number; heartbeatMs: number }

const LIMITS: EventLimits = { streams: 100, everyMs: 1000, heartbeatMs: 15_000 }
// How long the end of a stream may stay unread; a board that closes does not wait as long.
const UNREAD_MS = 60_000
const UNREAD_AT_CLOSE_MS = 1000

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
export const addEventsRoute = (
  app: DocumentedApp,
  library: Library,
  { streams, everyMs, heartbeatMs }: EventLimits = LIMITS,
): void => {
  const open = new Set<EventStream>()
  const unread = createUnread()
  const watch = createSeparationWatch({ read: library.find, everyMs })
  const heartbeat = setInterval(() => {
    for (const stream of open) stream.beat()
  }, heartbeatMs).unref()
  endWithServer(app as unknown as FastifyInstance, () => {
    clearInterval(heartbeat)
    for (const stream of open) stream.end()
    unread.hurry()
  })

  // No HEAD: it would be a stream that nobody reads.
  app.get('/api/separations/:taskId/events', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { taskId } = request.params
    const state = await library.find(taskId)
    if (!state) return sendFailure(request, reply, 404, UNKNOWN_TASK)
    const isKnown = !isRunning(state) && request.headers['last-event-id'] === finishedId(state)
    if (isKnown) return reply.code(204).send(null)
    if (open.size >= streams) {
      return sendFailure(
        request,
        reply,
        503,
        `More than ${streams} streams of events are open. Ask for the state instead.`,
      )
    }
    const stream = new EventStream()
    open.add(stream)
    const stop = watch.watch(taskId, (now) => (now ? stream.show(now) : stream.end()))
    stream.once('close', () => {
      open.delete(stream)
      stop()
    })
    stream.once('end', () => unread.add(request.raw.socket, reply.raw))
    stream.show(state)
    return reply
      .type('text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store, no-transform')
      .header('x-accel-buffering', 'no') // nginx would keep the events to itself
      .send(stream as never)
  })
}

const endWithServer = (app: FastifyInstance, end: () => void): void => {
  app.addHook('preClose', (done) => {
    end()
    done()
  })
}

// Who does not take the end of a stream would keep his place, and the server from closing.
const createUnread = () => {
  const sockets = new Set<Socket>()
  let isClosing = false
  const hangUpAfter = (socket: Socket, ms: number) =>
    setTimeout(() => sockets.has(socket) && socket.destroy(), ms).unref()
  return {
    add: (socket: Socket, response: ServerResponse): void => {
      sockets.add(socket)
      for (const event of ['finish', 'close']) response.once(event, () => sockets.delete(socket))
      hangUpAfter(socket, isClosing ? UNREAD_AT_CLOSE_MS : UNREAD_MS)
    },
    hurry: (): void => {
      isClosing = true
      for (const socket of sockets) hangUpAfter(socket, UNREAD_AT_CLOSE_MS)
    },
  }
}
