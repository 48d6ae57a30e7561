import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

/** What an app says of itself. */
export type Health = {
  /** Why it cannot serve right now; empty when it can. */
  notReady: () => Promise<string[]> | string[]
  /** Why only a restart can help; `undefined` when none is needed. */
  stuck?: () => string | undefined
  metrics: Registry
}

/**
 * Adds `/livez` (the process answers; 503 names why it should be restarted), `/readyz` (it can do its work; 503 names the reasons) and `/metrics`.
 */
export const addHealthRoutes = (app: FastifyInstance, { notReady, stuck, metrics }: Health): void => {
  app.get('/livez', (_request, reply) => {
    const reason = stuck?.()
    if (reason === undefined) return reply.send({ status: 'ok' })
    return reply.code(503).send({ status: 'stuck', reasons: [reason] })
  })
  app.get('/readyz', async (_request, reply) => {
    const reasons = await notReady()
    if (reasons.length === 0) return { status: 'ok' }
    return reply.code(503).send({ status: 'not ready', reasons })
  })
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType)
    return await metrics.metrics()
  })
}
