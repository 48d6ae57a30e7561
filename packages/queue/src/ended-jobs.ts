import type { Metrics, Queue } from 'bullmq'

export const MINUTE_MS = 60_000

/** BullMQ counts ended jobs minute by minute and keeps this many minutes; Bull Board draws them. */
export const METRICS_MINUTES = 60

/** Ended jobs as BullMQ counts them: `data` holds the minutes before the one of `prevTS`, newest first. */
export type EndedJobs = Pick<Metrics, 'meta' | 'data'>

/** The number of jobs that ended, by minute since 1970. */
export const endedPerMinute = ({ meta, data }: EndedJobs): Map<number, number> => {
  const last = Math.floor(meta.prevTS / MINUTE_MS)
  const before = data.map((jobs, index): [number, number] => [last - 1 - index, jobs])
  return new Map([[last, meta.count - meta.prevCount], ...before])
}

/**
 * The number of a queue's jobs that completed, and that failed for good, in the last hour.
 *
 * @param now replaces the clock in tests
 * @throws while Redis is disconnected
 */
export const readLastHour = async (
  queue: Queue,
  now: number = Date.now(),
): Promise<{ completed: number; failed: number }> => {
  const first = Math.floor(now / MINUTE_MS) - METRICS_MINUTES + 1
  const count = async (end: 'completed' | 'failed'): Promise<number> => {
    const perMinute = endedPerMinute(await queue.getMetrics(end))
    // This leaves out the oldest minute that is kept: after a long idle time BullMQ puts jobs there that ended earlier.
    return [...perMinute].reduce((sum, [minute, jobs]) => sum + (minute >= first ? jobs : 0), 0)
  }
  const [completed, failed] = await Promise.all([count('completed'), count('failed')])
  return { completed, failed }
}
