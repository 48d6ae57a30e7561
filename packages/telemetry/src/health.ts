import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { addGauge } from './gauges.ts'

/** What an app says of itself. */
export type Health = {
  /** Why it cannot serve right now; empty when it can. */
  notReady: () => Promise<string[]> | string[]
  /** Why only a restart can help; `undefined` when none is needed. */
  stuck?: () => string | undefined
  metrics: Registry
}

/**
 * Adds `/livez` (the process answers; 503 names why it should be restarted), `/readyz` (it can do its work; 503 names the reasons) and `/metrics`,
 * which say the same in figures.
 */
export const addHealthRoutes = (app: FastifyInstance, health: Health): void => {
  const { notReady, stuck, metrics } = health
  addHealthGauges(health)
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

// What restarts or drains a process asks the routes; who watches over all of them sees figures alone.
const addHealthGauges = ({ notReady, stuck, metrics }: Health): void => {
  const readyHelp = '1 while the process can do its work, as /readyz says'
  addGauge(metrics, 'stemkeeper_ready', readyHelp, async () => Number((await notReady()).length === 0))
  if (!stuck) return
  const stuckHelp = '1 while jobs wait and the process does nothing, as /livez says: only a restart can help'
  addGauge(metrics, 'stemkeeper_stuck', stuckHelp, () => Number(stuck() !== undefined))
}
