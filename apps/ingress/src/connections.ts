import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './problem.ts'
import { createWaitingRoom } from './waiting-room.ts'

/** How long ingress waits for whom, as options for Fastify. Nobody holds a connection for longer than a quarter of a minute by being slow. */
export const patience = {
  /** For headers and body together, then 408. The provider itself waits 15 s; 256 KiB fit into 10 s at 210 kbit/s. */
  requestTimeout: 10_000,
  /** A connection on which nothing moves, which also ends one that does not read its answer. No answer takes longer than 2 s. */
  connectionTimeout: 12_000,
  /** For the next request on the same connection. Callbacks come minutes apart: a warm connection is worth little. */
  keepAliveTimeout: 10_000,
  http: {
    /** For the headers alone, then 408. They fit into a dozen packets. */
    headersTimeout: 5_000,
    /** How often the two above are looked at; Node's 30 s would make 40 s of 10. */
    connectionsCheckingInterval: 1_000,
    /** Both: 16 KiB for all headers, as Node has it; said here because the answer 431 says it. */
    maxHeaderSize: 16_384,
    /** Node's own 400 would be no problem document; see refuseWithoutHost. */
    requireHostHeader: false,
  },
} as const

// Far more than the backlog from which connections are taken at once (511), and 16 KiB of headers each are no burden.
const MOST_STRANGERS = 2000
// Their bodies are read before their signature can be checked: 256 KiB each, 50 MiB in all.
const MOST_UNPROVEN_BODIES = 200

/** What is told of a connection, so that only those that somebody is slow on are ever closed to make room. */
export type Connections = {
  /** The signature is fresh; whether it is true can only be told when the body has come. */
  awaitBody: (socket: Socket) => void
  /** A token vouches for it, or all that we waited for has come. */
  release: (socket: Socket) => void
}

/**
 * Bounds the connections that have shown no proof. There is no cap on connections as a whole: whatever it were, an
 * attacker could fill it and keep the provider out.
 */
export const boundConnections = (app: FastifyInstance): Connections => {
  const strangers = createWaitingRoom(MOST_STRANGERS)
  const unprovenBodies = createWaitingRoom(MOST_UNPROVEN_BODIES)
  app.addHook('onRequest', refuseWithoutHost)
  app.server.on('connection', strangers.enter)
  // An expectation that nobody knows may be ignored (RFC 9110, 10.1.1). Node's own 417 would be no problem document.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.addHook('onSend', (request, reply, payload, next) => {
    if (reply.statusCode >= 400) {
      unprovenBodies.leave(request.raw.socket)
      strangers.enter(request.raw.socket)
    }
    next(null, payload)
  })
  return {
    awaitBody: unprovenBodies.enter,
    release: (socket) => {
      unprovenBodies.leave(socket)
      strangers.leave(socket)
    },
  }
}

// RFC 9112, 3.2: a request of HTTP/1.1 names its host.
const refuseWithoutHost = (request: FastifyRequest, reply: FastifyReply, next: () => void): void => {
  const isMissing = request.headers.host === undefined && request.raw.httpVersion === '1.1'
  if (isMissing) sendProblem(reply, 400, 'The Host header is missing.')
  else next()
}
