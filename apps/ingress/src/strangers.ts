import { isIP } from 'node:net'
import fastifyRateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './problem.ts'

const WINDOW_MS = 60_000
const MOST_ADDRESSES = 10_000 // remembered at once; who floods from more of them is forgotten in turn, and costs no memory

declare module 'fastify' {
  interface FastifyRequest {
    /** A token is valid, or none is asked for: the request is never rate-limited. */
    isAuthenticated: boolean
  }
}

/** Counts unauthenticated requests by address. */
export type Strangers = {
  /**
   * Counts a request, unless it is authenticated. Beyond the limit it is answered 429, and the connection is closed.
   *
   * @returns whether it was answered
   */
  turnAway: (request: FastifyRequest, reply: FastifyReply) => Promise<boolean>
}

/**
 * Counting starts only where a request is refused: a provider that sits behind the same address as a flood is never limited.
 *
 * @param perMinute requests of one address; 0 sets no limit
 */
export const createStrangers = async (app: FastifyInstance, perMinute: number): Promise<Strangers> => {
  await app.register(fastifyRateLimit, {
    global: false,
    max: perMinute,
    timeWindow: WINDOW_MS,
    cache: MOST_ADDRESSES,
    keyGenerator: addressOf,
  })
  const count = app.createRateLimit()
  app.decorateRequest('isAuthenticated', false)

  const turnAway = async (request: FastifyRequest, reply: FastifyReply): Promise<boolean> => {
    if (perMinute === 0 || request.isAuthenticated) return false
    const limit = await count(request)
    if (limit.isAllowed || !limit.isExceeded) return false
    reply.header('retry-after', limit.ttlInSeconds).header('connection', 'close')
    sendProblem(reply, 429, 'Too many requests without proof from this address.')
    return true
  }

  return { turnAway }
}

/**
 * Counts every request, as a stranger's, that is for none of these routes. What is not there is answered before its body
 * is read.
 *
 * @param urls routes that are not counted here
 */
export const limitEverythingBut = (urls: string[], app: FastifyInstance, strangers: Strangers): void => {
  app.addHook('onRequest', async (request, reply) => {
    if (urls.includes(request.routeOptions.url ?? '')) return
    if (await strangers.turnAway(request, reply)) return reply
    if (request.is404) return sendProblem(reply, 404, 'There is nothing here.')
  })
}

// A connection that is gone has no address, and a proxy may forward anything. An IPv6 host owns its whole /64.
const addressOf = ({ ip }: FastifyRequest): string => {
  const [address = ''] = (ip ?? '').split('%')
  return isIP(address) === 0 ? 'unknown' : normalizeIP(address, 64)
}
