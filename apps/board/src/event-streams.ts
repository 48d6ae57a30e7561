import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendFailure } from './answers.ts'
import type { EventStream } from './event-stream.ts'
import { createWatch, type Watch } from './watch.ts'

/** How events are sent; the defaults are those of every board. */
export type EventLimits = { streams: number; everyMs: number; heartbeatMs: number }

const LIMITS: EventLimits = { streams: 100, everyMs: 1000, heartbeatMs: 15_000 }
// How long the end of a stream may stay unread; a board that closes does not wait as long.
const UNREAD_MS = 60_000
const UNREAD_AT_CLOSE_MS = 1000

/** All streams of events that a board has open, for programs and for pages. They end with the server. */
export const createEventStreams = (app: FastifyInstance, { streams, everyMs, heartbeatMs }: EventLimits = LIMITS) => {
  const open = new Set<EventStream>()
  const unread = createUnread()
  const heartbeat = setInterval(() => {
    for (const stream of open) stream.beat()
  }, heartbeatMs).unref()
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    clearInterval(heartbeat)
    for (const stream of open) stream.end()
    unread.hurry()
    done()
  })

  return {
    watch: createWatch(everyMs) as Watch,
    isFull: (): boolean => open.size >= streams,
    sayFull: (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
      sendFailure(request, reply, 503, `More than ${streams} streams of events are open. Ask for the state instead.`),
    /**
     * Answers with a stream.
     *
     * @param stop is called when nobody reads it any more
     */
    answer: (request: FastifyRequest, reply: FastifyReply, stream: EventStream, stop: () => void): FastifyReply => {
      open.add(stream)
      stream.once('close', () => {
        open.delete(stream)
        stop()
      })
      stream.once('end', () => unread.add(request.raw.socket, reply.raw))
      if (isClosing) stream.end() // it was being opened when the others were ended
      return reply
        .type('text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store, no-transform')
        .header('x-accel-buffering', 'no') // nginx would keep the events to itself
        .send(stream)
    },
  }
}

export type EventStreams = ReturnType<typeof createEventStreams>

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
