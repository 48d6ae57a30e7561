import { PROBLEM_KINDS } from '@stems/domain/heartbeat'
import { QueueAwayError } from '@stems/queue/queue-away-error'
import { addRedisGauge } from '@stems/telemetry/gauges'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ReadOverview } from './overview.ts'
import type { Overview } from './overview-schema.ts'

/** One figure, or several that a label tells apart. */
type Figure = { name: string; help: string } & (
  | { of: (overview: Overview) => number }
  | { label: string; of: (overview: Overview) => Record<string, number> }
)

/** The figures of the overview for Prometheus, read when somebody looks; and those of the board's own process. */
export const createOverviewMetrics = (readOverview: ReadOverview, isReady: () => boolean) => {
  const ownProcess = new Registry()
  collectDefaultMetrics({ register: ownProcess })
  addRedisGauge(ownProcess, isReady)
  return {
    contentType: ownProcess.contentType,
    /** The figures as text. While Redis is away those that come from there are left out: none is better than an old one. */
    read: async (): Promise<string> => {
      const overview = await readOverview().catch((error: unknown) => {
        if (error instanceof QueueAwayError) return undefined
        throw error
      })
      const own = await ownProcess.metrics()
      return overview ? `${await textOf(overview)}\n${own}` : own
    },
  }
}

export type OverviewMetrics = ReturnType<typeof createOverviewMetrics>

const textOf = (overview: Overview): Promise<string> => {
  const registry = new Registry()
  for (const figure of FIGURES) {
    const { name, help } = figure
    const options = { name: `stemkeeper_${name}`, help, registers: [registry] }
    if (!('label' in figure)) {
      new Gauge(options).set(figure.of(overview))
      continue
    }
    const gauge = new Gauge({ ...options, labelNames: [figure.label] })
    for (const [value, count] of Object.entries(figure.of(overview))) gauge.set({ [figure.label]: value }, count)
  }
  return registry.metrics()
}

const FIGURES: Figure[] = [
  {
    name: 'workers_alive',
    help: 'Running workers: those with a heartbeat within the last 15 s',
    of: ({ workers }) => workers.length,
  },
  {
    name: 'workers_in_trouble',
    help: 'Running workers with a problem, by its kind',
    label: 'trouble',
    of: ({ workers }) =>
      Object.fromEntries(
        PROBLEM_KINDS.map((trouble) => [
          trouble,
          workers.filter(({ troubles }) => troubles.some(({ kind }) => kind === trouble)).length,
        ]),
      ),
  },
  {
    name: 'ingresses_alive',
    help: 'Running ingress processes: those with a heartbeat within the last 15 s',
    of: ({ ingresses }) => ingresses.length,
  },
  {
    name: 'separations_in_state',
    help: 'Separations by what they do; `delayed`: expected, or put off; `failed`: as a whole, without a manifest',
    label: 'state',
    of: ({ separations }) => separations,
  },
  {
    name: 'stems_in_state',
    help: 'Stems by what they do; `delayed`: until their next try; `failed`: given up within the last week',
    label: 'state',
    of: ({ stems }) => stems,
  },
  {
    name: 'notifications_in_state',
    help: 'Notifications that were not delivered',
    label: 'state',
    of: ({ notifications }) => notifications,
  },
  { name: 'quarantined_payloads', help: 'Payloads in quarantine', of: ({ quarantined }) => quarantined },
  {
    name: 'oldest_waiting_seconds',
    help: 'For how long the next job in turn has been waiting',
    label: 'queue',
    of: (overview) => overview.oldest_waiting_seconds,
  },
  {
    name: 'waiting_seconds',
    help: 'Seconds of work that waits for workers, at their recent rate',
    label: 'queue',
    of: (overview) => overview.waiting_seconds,
  },
  {
    name: 'spooled_callbacks',
    help: 'Callbacks that wait for Redis, in the spools of all of ingress',
    of: ({ spool }) => spool.callbacks,
  },
  { name: 'spooled_bytes', help: 'Their size', of: ({ spool }) => spool.bytes },
  {
    name: 'spooled_oldest_seconds',
    help: 'For how long the oldest of them has been waiting',
    of: ({ spool }) => spool.oldest_seconds,
  },
]
