import type { FastifyInstance } from 'fastify'
import type { DocumentedApp } from './documented.ts'
import type { EventStreams } from './event-streams.ts'
import { addLivePage } from './live-route.ts'
import type { ReadOverview } from './overview.ts'
import type { OverviewMetrics } from './overview-metrics.ts'
import { overviewSchema } from './overview-schema.ts'
import { overviewPage } from './pages/overview-page.ts'
import { commonProblems } from './problem.ts'

const schema = {
  summary: 'Tells how the whole system stands',
  description:
    'What waits, runs and fails, what ended in the last hour, and which processes are running with their current work. ' +
    '`/metrics` shows the same values to Prometheus; a key is enough for it.',
  response: { 200: overviewSchema, ...commonProblems },
}

/** Adds the overview for people, and its figures for Prometheus. */
export const addOverviewPage = (
  app: FastifyInstance,
  streams: EventStreams,
  readOverview: ReadOverview,
  metrics: OverviewMetrics,
): void => {
  addLivePage(app, streams, { path: '/overview', read: async () => overviewPage(await readOverview()) })
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.read()))
}

/** Adds the overview for programs. */
export const addOverviewRoute = (app: DocumentedApp, readOverview: ReadOverview): void => {
  app.get('/api/overview', { schema }, () => readOverview())
}
