import type { Heartbeat } from '@stems/domain/heartbeat'
import { createQueueCounter, type QueueCounts } from './counts.ts'
import { readHeartbeats } from './heartbeat.ts'
import { askRedis } from './queue-away-error.ts'
import type { RedisConnection } from './redis.ts'
import { createWaitingTime, type WaitingTime } from './waiting-time.ts'

/** What is known of one Redis and of those who serve it. */
export type Figures = {
  counts: QueueCounts
  lastHour: { saved: number; failed: number }
  /** For how long there is work, queue by queue. */
  waitingTime: WaitingTime[]
  /** For how long the next job in turn has been waiting, queue by queue. */
  oldest: WaitingTime[]
  heartbeats: Heartbeat[]
}

export type FiguresOptions = {
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** After which a Redis that has not answered counts as away. */
  deadlineMs: number
}

/** Tells how one Redis stands. What it costs does not grow with the queues, and nothing is written by looking. */
export const createFigures = ({ redis, prefix, deadlineMs }: FiguresOptions) => {
  const counter = createQueueCounter(redis, prefix)
  const time = createWaitingTime(redis, prefix)

  const readNow = async (): Promise<Figures> => {
    const [counts, lastHour, waitingTime, oldest, heartbeats] = await Promise.all([
      counter.count(),
      counter.stemsOfLastHour(),
      time.read(),
      time.readOldest(),
      readHeartbeats(redis, prefix),
    ])
    return { counts, lastHour, waitingTime, oldest, heartbeats }
  }

  return {
    /** @throws {QueueAwayError} */
    read: (): Promise<Figures> => askRedis(deadlineMs, readNow),
    close: async (): Promise<void> => {
      await Promise.all([counter.close(), time.close()])
    },
  }
}

export type FiguresReader = ReturnType<typeof createFigures>
