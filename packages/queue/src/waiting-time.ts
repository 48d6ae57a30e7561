import type { Queue } from 'bullmq'
import { type EndedJobs, endedPerMinute, MINUTE_MS } from './ended-jobs.ts'
import { QUEUES } from './jobs.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'

/** So many minutes that are over count for the rate, besides the one that runs. */
export const RECENT_MINUTES = 5

const LEAST_MS = 10_000 // less time than this says nothing about a rate

/** For how many seconds there is work in a queue, at the rate at which all workers have worked lately. */
export type WaitingTime = { queue: string; seconds: number }

/**
 * For how long there is work: what scales workers up and down. It comes from Redis alone, so that everybody who asks gets
 * the same answer.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 * @param now in place of the clock, for tests
 */
export const createWaitingTime = (redis: RedisConnection, prefix: string, now: () => number = Date.now) => {
  const queues = [QUEUES.stems, QUEUES.separations].map((name) => openQueue(redis, prefix, name))

  // Work for a worker: what it could take now. A retry whose time has not come is none, and nobody could hurry it.
  const readBacklog = async (queue: Queue, at: number): Promise<number> => {
    const [{ waiting = 0, prioritized = 0 }, due] = await Promise.all([
      queue.getJobCounts('waiting', 'prioritized'),
      redis.zcount(queue.toKey('delayed'), '-inf', `${lastScoreAt(at)}`),
    ])
    return waiting + prioritized + due
  }

  // Next in turn are the last of the list, and the first of the two sets.
  const readAgeMs = async (queue: Queue, at: number): Promise<number> => {
    const [last, [first], [due, score] = []] = await Promise.all([
      redis.lindex(queue.toKey('wait'), '-1'),
      redis.zrange(queue.toKey('prioritized'), '0', '0'),
      redis.zrange(queue.toKey('delayed'), '0', '0', 'WITHSCORES'),
    ])
    const since = await Promise.all([last, first].map(async (id) => (id ? sinceOf(queue, id) : at)))
    return at - Math.min(...since, due ? Number(score) / SCORES_PER_MS : at)
  }

  // A job that was tried before waits since then, and not since it was made.
  const sinceOf = async (queue: Queue, id: string): Promise<number> => {
    const times = await redis.hmget(queue.toKey(id), 'timestamp', 'processedOn')
    return Math.max(...times.map(Number)) || now()
  }

  const readSeconds = async (queue: Queue): Promise<number> => {
    const at = now()
    const [backlog, isPaused, completed, failed] = await Promise.all([
      readBacklog(queue, at),
      queue.isPaused(),
      queue.getMetrics('completed', 0, RECENT_MINUTES - 1),
      queue.getMetrics('failed', 0, RECENT_MINUTES - 1),
    ])
    if (backlog === 0 || isPaused) return 0
    const perMs = rateOf([completed, failed], at)
    return (perMs > 0 ? backlog / perMs : Math.max(0, await readAgeMs(queue, at))) / 1000
  }

  const ofEachQueue = (seconds: (queue: Queue) => Promise<number>): Promise<WaitingTime[]> =>
    Promise.all(queues.map(async (queue) => ({ queue: queue.name, seconds: await seconds(queue) })))

  return {
    /**
     * The waiting time of each queue: what waits, divided by the rate of the last minutes. When nothing has ended in them, as
     * long as the next job in turn has been waiting already. 0 when nothing waits, and when an operator has paused the queue.
     *
     * @throws when Redis is away
     */
    read: () => ofEachQueue(readSeconds),
    /**
     * How long the next job in turn of each queue has been waiting already; 0 when nothing waits.
     *
     * @throws when Redis is away
     */
    readOldest: () => ofEachQueue(async (queue) => Math.max(0, await readAgeMs(queue, now())) / 1000),
  }
}

export type WaitingTimeReader = ReturnType<typeof createWaitingTime>

// The place of a delayed job: when it is due, and 12 bits for those of one millisecond.
const SCORES_PER_MS = 4096
const lastScoreAt = (at: number): number => at * SCORES_PER_MS + SCORES_PER_MS - 1

/**
 * How many jobs ended per millisecond, lately. Minutes in which none did are left out: when nobody has work, that says
 * nothing about how quickly it is done.
 */
export const rateOf = (kinds: EndedJobs[], at: number): number => {
  const thisMinute = Math.floor(at / MINUTE_MS)
  const perMinute = new Map<number, number>()
  const add = (minute: number, jobs: number) => {
    if (jobs > 0 && minute >= thisMinute - RECENT_MINUTES) perMinute.set(minute, (perMinute.get(minute) ?? 0) + jobs)
  }
  for (const kind of kinds) for (const [minute, jobs] of endedPerMinute(kind)) add(minute, jobs)
  const elapsedMs = [...perMinute.keys()].map((minute) =>
    Math.min(MINUTE_MS, Math.max(LEAST_MS, at - minute * MINUTE_MS)),
  )
  const jobs = [...perMinute.values()].reduce((sum, each) => sum + each, 0)
  return jobs === 0 ? 0 : jobs / elapsedMs.reduce((sum, each) => sum + each, 0)
}
