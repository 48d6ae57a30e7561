import { addHealthRoutes, type Health } from '@stems/telemetry/health'
import fastify from 'fastify'

/** The worker's only door: health and metrics. */
export const createHealthServer = (health: Health) => {
  const app = fastify()
  addHealthRoutes(app, health)
  return app
}
