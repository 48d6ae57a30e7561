import type { QueueCounts } from './counts.ts'

/** Jobs by what they do. */
export type StateTally = {
  /** For a worker that takes them. */
  waiting: number
  running: number
  /** Put off until a time of their own: a stem until its next try; a separation until it is asked about, or tried, again. */
  delayed: number
  /** Given up, and still remembered. */
  failed: number
}

/** What the queues of a Redis hold. */
export type Tally = {
  separations: StateTally
  stems: StateTally
  quarantined: number
  notifications: { waiting: number; failed: number }
}

/** Puts the states of BullMQ together into those that people ask for. */
export const tallyOf = (counts: QueueCounts): Tally => {
  const sum = (queue: string, ...states: string[]): number =>
    states.reduce((total, state) => total + (counts[queue]?.[state] ?? 0), 0)
  const statesOf = (queue: string): StateTally => ({
    waiting: sum(queue, 'waiting', 'prioritized'),
    running: sum(queue, 'active', 'waiting-children'),
    delayed: sum(queue, 'delayed'),
    failed: sum(queue, 'failed'),
  })
  return {
    separations: statesOf('separations'),
    stems: statesOf('stems'),
    quarantined: sum('quarantine', 'waiting'),
    notifications: {
      waiting: sum('notifications', 'waiting', 'prioritized', 'delayed', 'active'),
      failed: sum('notifications', 'failed'),
    },
  }
}
