import { createQueueCounter } from './counts.ts'
import { createMinutesReader, type Minutes } from './minutes.ts'
import { type Alive, createPresenceReader } from './presence.ts'
import { askRedis } from './queue-away-error.ts'
import type { RedisConnection } from './redis.ts'
import { type Tally, tallyOf } from './tally.ts'
import { createWaitingTime, type WaitingTime } from './waiting-time.ts'

/** What is known of one Redis and of those who serve it. */
export type Figures = {
  tally: Tally
  /** For how long there is work, queue by queue. */
  waitingTime: WaitingTime[]
  /** For how long the next job in turn has been waiting, queue by queue. */
  oldest: WaitingTime[]
  alive: Alive[]
  minutes: Minutes
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
  const waitingTime = createWaitingTime(redis, prefix)
  const minutes = createMinutesReader(redis, prefix)
  const readAlive = createPresenceReader(redis, prefix)

  const readNow = async (): Promise<Figures> => {
    const [counts, waiting, oldest, alive, last] = await Promise.all([
      counter.count(),
      waitingTime.read(),
      waitingTime.readOldest(),
      readAlive(),
      minutes.read(),
    ])
    return { tally: tallyOf(counts), waitingTime: waiting, oldest, alive, minutes: last }
  }

  return {
    /** @throws {QueueAwayError} */
    read: (): Promise<Figures> => askRedis(deadlineMs, readNow),
    close: async (): Promise<void> => {
      await Promise.all([counter.close(), waitingTime.close(), minutes.close()])
    },
  }
}

export type FiguresReader = ReturnType<typeof createFigures>
