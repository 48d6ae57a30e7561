import type { FastifyInstance } from 'fastify'

/**
 * Adds `/livez` and `/readyz`, which answer without a login and therefore give no reasons. Metrics want one, or a key: they tell
 * how the whole system stands.
 *
 * @param isReady is Redis there?
 */
export const addOpenHealthRoutes = (app: FastifyInstance, isReady: () => boolean): void => {
  app.get('/livez', { config: { open: true } }, () => ({ status: 'ok' }))
  app.get('/readyz', { config: { open: true } }, (_request, reply) =>
    isReady() ? reply.send({ status: 'ok' }) : reply.code(503).send({ status: 'not ready' }),
  )
}
