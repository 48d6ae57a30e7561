import type { IngressNote, PresenceNote, WorkerNote } from '@stems/domain/presence'
import { askShards } from '@stems/queue/ask-shards'
import type { Figures, FiguresReader } from '@stems/queue/figures'
import { addMinutes, type MinuteSeries } from '@stems/queue/minutes'
import type { Overview, OverviewIngress, OverviewWorker, States } from './overview-schema.ts'
import { shardsAway } from './shards-away.ts'

type OverviewShard = { name: string; figures: Pick<FiguresReader, 'read'> }

/**
 * How the whole system stands, over all shards that are there. The page, the API and the metrics show what this returns.
 *
 * @returns a function that throws QueueAwayError when all shards are away
 */
export const createOverview = (shards: readonly OverviewShard[]) => async (): Promise<Overview> => {
  const { answers, away } = await askShards(shards, ({ figures }) => figures.read())
  const parts = answers.map(({ answer }) => answer)
  const notes = notesOf(parts)
  const ingresses = notes.filter((note) => note.app === 'ingress')
  return {
    at: new Date().toISOString(),
    separations: sumStates(parts, 'separations'),
    stems: sumStates(parts, 'stems'),
    quarantined: sum(parts, ({ tally }) => tally.quarantined),
    notifications: {
      waiting: sum(parts, ({ tally }) => tally.notifications.waiting),
      failed: sum(parts, ({ tally }) => tally.notifications.failed),
    },
    oldest_waiting_seconds: longest(parts, 'oldest'),
    waiting_seconds: longest(parts, 'waitingTime'),
    spool: {
      callbacks: sum(ingresses, ({ spool }) => spool.callbacks),
      bytes: sum(ingresses, ({ spool }) => spool.bytes),
      oldest_seconds: Math.max(0, ...ingresses.map(({ spool }) => spool.oldestAgeSeconds)),
    },
    workers: notes.filter((note) => note.app === 'worker').map(toWorker),
    ingresses: ingresses.map(toIngress),
    minutes: minutesOf(parts),
    ...shardsAway(away),
  }
}

export type ReadOverview = ReturnType<typeof createOverview>

const sum = <Part>(parts: readonly Part[], figureOf: (part: Part) => number): number =>
  parts.reduce((total, part) => total + figureOf(part), 0)

const sumStates = (parts: readonly Figures[], queue: 'separations' | 'stems'): States => ({
  waiting: sum(parts, ({ tally }) => tally[queue].waiting),
  running: sum(parts, ({ tally }) => tally[queue].running),
  delayed: sum(parts, ({ tally }) => tally[queue].delayed),
  failed: sum(parts, ({ tally }) => tally[queue].failed),
})

// Shards are worked on beside each other: the one that takes longest says how long all take.
const longest = (parts: readonly Figures[], figure: 'oldest' | 'waitingTime') => {
  const of = (queue: string): number =>
    Math.max(
      0,
      ...parts.flatMap((part) => part[figure].filter((each) => each.queue === queue).map((each) => each.seconds)),
    )
  return { separations: of('separations'), stems: of('stems') }
}

// Who serves several shards notes himself in each of them: his last word counts.
const notesOf = (parts: readonly Figures[]): PresenceNote[] => {
  const oldestFirst = parts.flatMap(({ alive }) => alive).toSorted((a, b) => b.ageMs - a.ageMs)
  const notes = [...new Map(oldestFirst.map(({ note }) => [note.id, note])).values()]
  return notes.toSorted((a, b) => compare(a.host, b.host) || compare(a.startedAt, b.startedAt) || compare(a.id, b.id))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const aboutOf = ({ host, pid, version, startedAt }: PresenceNote) => ({ host, pid, version, started_at: startedAt })

const toWorker = (note: WorkerNote): OverviewWorker => ({
  ...aboutOf(note),
  shards: note.shards,
  leaving: note.isLeaving,
  concurrency: note.concurrency,
  stems_running: note.stemsRunning,
  stems: note.stems.map(({ taskId, ...stem }) => ({ task_id: taskId, ...stem })),
  separations_running: note.separationsRunning,
  separations: note.separations,
  troubles: note.troubles,
})

const toIngress = (note: IngressNote): OverviewIngress => {
  const { callbacks, bytes, maxBytes, oldestAgeSeconds } = note.spool
  return { ...aboutOf(note), spool: { callbacks, bytes, max_bytes: maxBytes, oldest_seconds: oldestAgeSeconds } }
}

// The minute that runs has a sample of its begin at best: what is there now says more.
const minutesOf = (parts: readonly Figures[]): Overview['minutes'] => {
  const { first, waiting, running, delayed, ...counted } = addMinutes(parts.map(({ minutes }) => minutes))
  const endingIn = (series: MinuteSeries, now: number): MinuteSeries => series.with(-1, now)
  return {
    from: new Date(first * 60_000).toISOString(),
    ...counted,
    waiting: endingIn(
      waiting,
      sum(parts, ({ tally }) => tally.separations.waiting + tally.stems.waiting),
    ),
    running: endingIn(
      running,
      sum(parts, ({ tally }) => tally.stems.running),
    ),
    delayed: endingIn(
      delayed,
      sum(parts, ({ tally }) => tally.stems.delayed),
    ),
  }
}
