import type { Heartbeat } from '@stems/domain/heartbeat'
import { createQueueCounter, type QueueCounts } from '@stems/queue/counts'
import { readHeartbeats } from '@stems/queue/heartbeat'
import type { QueueAccess } from '@stems/queue/open-queue'
import { askRedis } from '@stems/queue/queue-away-error'
import { createWaitingTime, type WaitingTime } from '@stems/queue/waiting-time'
import type { Overview, States } from './overview-schema.ts'

/**
 * Reads the state of the whole system, for the page, the API and the metrics. Reading it writes nothing.
 *
 * @returns a function that throws {@link QueueAwayError}
 */
export const createOverview = ({ redis, prefix, deadlineMs }: QueueAccess) => {
  const counter = createQueueCounter(redis, prefix)
  const time = createWaitingTime(redis, prefix)
  const readNow = async (): Promise<Answers> => {
    const [counts, lastHour, oldest, waiting, heartbeats] = await Promise.all([
      counter.count(),
      counter.stemsOfLastHour(),
      time.readOldest(),
      time.read(),
      readHeartbeats(redis, prefix),
    ])
    return { counts, lastHour, oldest, waiting, heartbeats }
  }
  return async (): Promise<Overview> => toOverview(await askRedis(deadlineMs, readNow))
}

export type ReadOverview = ReturnType<typeof createOverview>

type Answers = {
  counts: QueueCounts
  lastHour: Overview['last_hour']
  oldest: WaitingTime[]
  waiting: WaitingTime[]
  heartbeats: Heartbeat[]
}

const toOverview = ({ counts, lastHour, oldest, waiting, heartbeats }: Answers): Overview => {
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
    waiting_seconds: secondsOf(waiting),
    spool: {
      callbacks: ingresses.reduce((sum, { spool }) => sum + spool.callbacks, 0),
      bytes: ingresses.reduce((sum, { spool }) => sum + spool.bytes, 0),
      oldest_seconds: Math.max(0, ...ingresses.map(({ spool }) => spool.oldest_seconds)),
    },
    workers: processes.filter((each) => each.app === 'worker'),
    ingresses,
  }
}

const jobsIn = (counts: QueueCounts, queue: string, ...states: string[]): number =>
  states.reduce((sum, state) => sum + (counts[queue]?.[state] ?? 0), 0)

const statesOf = (counts: QueueCounts, queue: 'separations' | 'stems'): States => ({
  waiting: jobsIn(counts, queue, 'waiting', 'prioritized'),
  running: jobsIn(counts, queue, 'active', 'waiting-children'),
  delayed: jobsIn(counts, queue, 'delayed'),
  failed: jobsIn(counts, queue, 'failed'),
})

const secondsOf = (times: WaitingTime[]) => {
  const of = (name: string): number => times.find(({ queue }) => queue === name)?.seconds ?? 0
  return { separations: of('separations'), stems: of('stems') }
}

const byProcess = (a: Heartbeat, b: Heartbeat): number =>
  compare(a.host, b.host) || compare(a.started_at, b.started_at) || compare(a.id, b.id)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
