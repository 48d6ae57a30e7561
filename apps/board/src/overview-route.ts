import { sendPage } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import type { ReadOverview } from './overview.ts'
import type { OverviewMetrics } from './overview-metrics.ts'
import { overviewSchema } from './overview-schema.ts'
import { layout } from './pages/layout.ts'
import { overviewPage } from './pages/overview-page.ts'
import { commonProblems } from './problem.ts'

const schema = {
  summary: 'Tells how the whole system stands',
  description:
    'What waits, runs and fails, what ended in the last hour, and which processes are running with their current work. ' +
    '`/metrics` shows the same values to Prometheus; a key is enough for it.',
  response: { 200: overviewSchema, ...commonProblems },
}

/** Adds the overview: for people, for programs, and for Prometheus. */
export const addOverviewRoutes = (app: DocumentedApp, readOverview: ReadOverview, metrics: OverviewMetrics): void => {
  app.get('/overview', async (_request, reply) => sendPage(reply, layout(overviewPage(await readOverview()))))
  app.get('/api/overview', { schema }, () => readOverview())
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.read()))
}
