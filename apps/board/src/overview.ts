import type { Heartbeat, IngressHeartbeat, WorkerHeartbeat } from '@stems/domain/heartbeat'
import type { QueueCounts } from '@stems/queue/counts'
import type { Figures, FiguresReader } from '@stems/queue/figures'
import type { Overview, OverviewIngress, OverviewWorker, States } from './overview-schema.ts'

/**
 * How the whole system stands. The page, the API and the metrics show what this returns.
 *
 * @returns a function that throws QueueAwayError
 */
export const createOverview = (figures: Pick<FiguresReader, 'read'>) => async (): Promise<Overview> => {
  const { counts, lastHour, heartbeats, oldest, waitingTime } = await figures.read()
  const processes = heartbeats.toSorted(byProcess)
  const ingresses = processes.filter((each) => each.app === 'ingress')
  return {
    at: new Date().toISOString(),
    separations: statesOf(counts, 'separations'),
    stems: statesOf(counts, 'stems'),
    quarantined: jobsIn(counts, 'quarantine', 'waiting'),
    notifications: {
      waiting: jobsIn(counts, 'notifications', 'waiting', 'prioritized', 'delayed', 'active'),
      failed: jobsIn(counts, 'notifications', 'failed'),
    },
    last_hour: lastHour,
    oldest_waiting_seconds: secondsOf(oldest),
    waiting_seconds: secondsOf(waitingTime),
    spool: {
      callbacks: ingresses.reduce((sum, { spool }) => sum + spool.callbacks, 0),
      bytes: ingresses.reduce((sum, { spool }) => sum + spool.bytes, 0),
      oldest_seconds: Math.max(0, ...ingresses.map(({ spool }) => spool.oldestAgeSeconds)),
    },
    workers: processes.filter((each) => each.app === 'worker').map(toWorker),
    ingresses: ingresses.map(toIngress),
  }
}

export type ReadOverview = ReturnType<typeof createOverview>

const jobsIn = (counts: QueueCounts, queue: string, ...states: string[]): number =>
  states.reduce((sum, state) => sum + (counts[queue]?.[state] ?? 0), 0)

const statesOf = (counts: QueueCounts, queue: 'separations' | 'stems'): States => ({
  waiting: jobsIn(counts, queue, 'waiting', 'prioritized'),
  running: jobsIn(counts, queue, 'active', 'waiting-children'),
  delayed: jobsIn(counts, queue, 'delayed'),
  failed: jobsIn(counts, queue, 'failed'),
})

const secondsOf = (times: Figures['oldest']) => {
  const of = (name: string): number => times.find(({ queue }) => queue === name)?.seconds ?? 0
  return { separations: of('separations'), stems: of('stems') }
}

const byProcess = (a: Heartbeat, b: Heartbeat): number =>
  compare(a.host, b.host) || compare(a.startedAt, b.startedAt) || compare(a.id, b.id)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const aboutOf = ({ host, pid, version, startedAt }: Heartbeat) => ({ host, pid, version, started_at: startedAt })

const toWorker = (worker: WorkerHeartbeat): OverviewWorker => ({
  ...aboutOf(worker),
  leaving: worker.isLeaving,
  concurrency: worker.concurrency,
  stems_running: worker.stemsRunning,
  stems: worker.stems.map(({ taskId, ...stem }) => ({ task_id: taskId, ...stem })),
  separations_running: worker.separationsRunning,
  separations: worker.separations,
  troubles: worker.problems,
})

const toIngress = (ingress: IngressHeartbeat): OverviewIngress => {
  const { callbacks, bytes, maxBytes, oldestAgeSeconds } = ingress.spool
  return { ...aboutOf(ingress), spool: { callbacks, bytes, max_bytes: maxBytes, oldest_seconds: oldestAgeSeconds } }
}
