import fastifyUnderPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import type { IngressMetrics } from './metrics.ts'
import { sendProblem } from './problem.ts'

const LOOK_EVERY_MS = 1000
const MEAN_DELAY_MS = 1000
const RETRY_AFTER_S = '5'
const NEVER_SHED = new Set(['/livez', '/readyz', '/metrics'])

/**
 * Answers 503 before any work is done while the event loop cannot keep up. The measure is the mean delay of a second:
 * one long pause hardly ever raises it, for what has waited through a pause is answered right after it. Half a second of
 * mean delay was seen in a burst of two thousand new connections on two cores, and all of them were answered 200.
 */
export const shedWhenOverloaded = async (app: FastifyInstance, metrics: IngressMetrics): Promise<void> => {
  await app.register(fastifyUnderPressure, {
    maxEventLoopDelay: MEAN_DELAY_MS,
    sampleInterval: LOOK_EVERY_MS,
    pressureHandler: (request, reply) => {
      if (NEVER_SHED.has(request.routeOptions.url ?? '')) return
      metrics.callbacks.inc({ answer: 'overloaded' })
      reply.header('retry-after', RETRY_AFTER_S)
      sendProblem(reply, 503, 'Too much to do right now. Send it again.')
    },
  })
}
