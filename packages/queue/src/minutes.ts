import { endedPerMinute } from './ended-minutes.ts'
import { QUEUES } from './jobs.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'

/** For so long it is remembered what happened in each minute. */
export const WINDOW_MINUTES = 6 * 60

/** Where it is remembered: two hashes, by the minute since 1970. */
export const minuteKeys = (prefix: string) => ({
  /** A sample: what was waiting, running and put off at that time. */
  samples: `${prefix}:minutes`,
  /** How many callbacks that brought work have come. */
  arrived: `${prefix}:minutes:arrived`,
})

/** What one sample holds. */
export type Sample = { waiting: number; running: number; delayed: number }

/** A figure for each minute, the running one last; null where nobody knows. */
export type MinuteSeries = (number | null)[]

/** The last hours, minute by minute. */
export type Minutes = {
  /** Of the first figures, since 1970. */
  first: number
  /** Callbacks that brought work, by the time at which they came. */
  arrived: MinuteSeries
  /** Separations and stems that were waiting for a worker. */
  waiting: MinuteSeries
  /** Stems that were under way. */
  running: MinuteSeries
  /** Stems that were waiting for their next try. */
  delayed: MinuteSeries
  /** Stems that came home, and those that were given up. */
  saved: MinuteSeries
  failed: MinuteSeries
}

export const writeSample = ({ waiting, running, delayed }: Sample): string => `${waiting} ${running} ${delayed}`

const readSample = (text: string | undefined): Sample | undefined => {
  const [waiting = Number.NaN, running = Number.NaN, delayed = Number.NaN] = (text ?? '').split(' ').map(Number)
  return text && [waiting, running, delayed].every(Number.isInteger) ? { waiting, running, delayed } : undefined
}

/**
 * Reads what is remembered of the last hours.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createMinutesReader = (redis: RedisConnection, prefix: string) => {
  const keys = minuteKeys(prefix)
  const stems = openQueue(redis, prefix, QUEUES.stems)

  return {
    /** @throws when Redis is away */
    read: async (): Promise<Minutes> => {
      const [answers, completed, failed] = await Promise.all([
        redis.pipeline().hgetall(keys.samples).hgetall(keys.arrived).time().exec(),
        stems.getMetrics('completed', 0, WINDOW_MINUTES - 1),
        stems.getMetrics('failed', 0, WINDOW_MINUTES - 1),
      ])
      for (const [error] of answers ?? []) if (error) throw error
      const [samples, arrived, time] = (answers ?? []).map(([, answer]) => answer) as [
        Record<string, string>,
        Record<string, string>,
        [string, string],
      ]
      const first = Math.floor(Number(time[0]) / 60) - WINDOW_MINUTES + 1
      const series = (figureOf: (minute: number) => number | undefined): MinuteSeries =>
        Array.from({ length: WINDOW_MINUTES }, (_, index) => figureOf(first + index) ?? null)
      const sampled = (name: keyof Sample) => series((minute) => readSample(samples[minute])?.[name])
      const [savedIn, failedIn] = [endedPerMinute(completed), endedPerMinute(failed)]
      return {
        first,
        arrived: series((minute) => Number(arrived[minute] ?? 0)),
        waiting: sampled('waiting'),
        running: sampled('running'),
        delayed: sampled('delayed'),
        saved: series((minute) => savedIn.get(minute) ?? 0),
        failed: series((minute) => failedIn.get(minute) ?? 0),
      }
    },
    close: () => stems.close(),
  }
}
