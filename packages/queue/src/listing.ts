import { type Separation, separationSchema } from '@stems/domain/separation'
import { type Job, type JobState, Queue } from 'bullmq'
import { withDeadline } from './deadline.ts'
import { createEndedJobs, endOf } from './ended-jobs.ts'
import { createJobStateReader } from './job-state.ts'
import { QUEUES, type SeparationJob, type SeparationResult, separationJobId } from './jobs.ts'
import { createMovingJobs } from './moving-jobs.ts'
import type { RedisConnection } from './redis.ts'
import { createWalk } from './walk.ts'
import { CursorError, type ListedStatus } from './walk-cursor.ts'

/** Redis did not tell what the queue holds. */
export class QueueAwayError extends Error {
  /** Which Redis, where there are several. */
  readonly shard: string | undefined

  constructor(cause: unknown, shard?: string) {
    super(`the queue cannot be read: ${(cause as Error).message}`, { cause })
    this.name = 'QueueAwayError'
    this.shard = shard
  }
}

/** A separation as the queue knows it. */
export type ListedSeparation = {
  separation: Separation
  status: ListedStatus
  /** Stems that have come to an end, saved or not, of all that have a link. */
  progress: { ended: number; total: number }
  /** Why the last attempt at the separation as a whole failed, where one did; or what keeps news of it away. */
  problem: string | undefined
}

export type ListingOptions = {
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** After which a Redis that has not answered counts as away. */
  deadlineMs: number
}

type StoredJob = Job<SeparationJob, SeparationResult>

// The way a job goes: one that moves on between two looks is seen twice, which does no harm, and not missed.
const STATES = [
  'waiting',
  'prioritized',
  'delayed',
  'active',
  'waiting-children',
  'failed',
  'completed',
] as const satisfies JobState[]

/** Looks into the queue of separations, a page at a time; what it costs does not grow with the queue. */
export const createListing = ({ redis, prefix, deadlineMs }: ListingOptions) => {
  const queue = new Queue<SeparationJob, SeparationResult>(QUEUES.separations, {
    connection: redis,
    prefix,
    // Both, or a Redis that is away at start makes this queue refuse for ever.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true, // who only looks writes nothing
  })
  queue.on('error', () => {}) // the connection reports its own outages
  const stateOf = createJobStateReader(redis, queue)

  const readPage = async (offset: number, limit: number) => {
    const counts = await queue.getJobCounts(...STATES)
    const places = await rangesOf(counts, offset, limit)
    const jobs = await Promise.all(places.map(({ id, state }) => readJob(id, state)))
    const separations = jobs.filter((job) => job !== undefined).sort(byReceivedLast)
    return { total: STATES.reduce((sum, state) => sum + (counts[state] ?? 0), 0), separations }
  }

  // The states one after the other are one long list; the page is cut out of it.
  const rangesOf = async (counts: Record<string, number>, offset: number, limit: number) => {
    const ranges = await Promise.all(
      STATES.map(async (state, index) => {
        const before = STATES.slice(0, index).reduce((sum, earlier) => sum + (counts[earlier] ?? 0), 0)
        const last = offset + limit - 1 - before
        if (last < 0) return []
        return (await queue.getRanges([state], Math.max(0, offset - before), last)).map((id) => ({ id, state }))
      }),
    )
    const places = new Map(ranges.flat().map((place) => [place.id, place]))
    return [...places.values()].slice(0, limit)
  }

  const readJob = async (id: string, state: JobState): Promise<ListedSeparation | undefined> => {
    const job = await queue.getJob(id).catch(unlessUnreadable)
    const separation = separationSchema.safeParse(job?.data?.separation).data
    if (!job || !separation) return undefined
    return {
      separation,
      status: statusOf(job, state),
      progress: { ended: await countEnded(job, separation, state), total: countLinks(separation) },
      problem: state === 'completed' ? undefined : job.failedReason || job.data.awaited?.problem || undefined,
    }
  }

  const findNow = async (taskId: string): Promise<ListedSeparation | undefined> => {
    const id = separationJobId(taskId)
    const state = await stateOf(id)
    return state === 'unknown' ? undefined : readJob(id, state)
  }

  const ask = <T>(work: () => Promise<T>): Promise<T> =>
    withDeadline('Redis', deadlineMs, work).catch((error: unknown) => {
      throw error instanceof CursorError ? error : new QueueAwayError(error)
    })

  const walk = createWalk<ListedSeparation>({
    ended: createEndedJobs(redis, queue),
    moving: createMovingJobs(redis, queue),
    read: findNow,
  })

  return {
    /**
     * A part of all separations that the queue remembers: those that run, newest first, then those that have ended, the
     * last one first. Within the part they are in the order in which they were received, newest first.
     *
     * @throws {QueueAwayError}
     */
    page: (offset: number, limit: number) => ask(() => readPage(offset, limit)),
    /**
     * A step of a walk through all separations that the queue remembers, as {@link createWalk} describes it.
     *
     * @throws {QueueAwayError}
     * @throws {CursorError}
     */
    walk: (of: ListedStatus | undefined, cursor: string | undefined, limit: number) =>
      ask(() => walk(of, cursor, limit)),
    /**
     * One separation, if the queue remembers it.
     *
     * @throws {QueueAwayError}
     */
    find: (taskId: string) => ask(() => findNow(taskId)),
    close: () => queue.close(),
  }
}

export type Listing = ReturnType<typeof createListing>

const statusOf = (job: StoredJob, state: JobState): ListedSeparation['status'] => {
  if (state === 'completed') return endOf(job.returnvalue)
  if (state === 'failed') return 'failed'
  if (job.data.awaited && job.data.separation.stems.length === 0) return 'expected'
  return isDriven(state) ? 'downloading' : 'waiting'
}

// A job that is no JSON must not take all the others down with it.
const unlessUnreadable = (error: unknown): undefined => {
  if (!(error instanceof SyntaxError)) throw error
  return undefined
}

const isDriven = (state: JobState): boolean => state === 'active' || state === 'waiting-children'

const countLinks = (separation: Separation): number => separation.stems.filter((stem) => stem.url !== null).length

// Children of earlier runs stay among those that have ended, so those that are left are counted instead.
const countEnded = async (job: StoredJob, separation: Separation, state: JobState): Promise<number> => {
  if (state === 'completed') return countLinks(separation)
  if (!isDriven(state)) return 0
  const { processed = 0, ignored = 0, unprocessed = 0 } = await job.getDependenciesCount()
  const isPlanned = processed + ignored + unprocessed > 0
  return isPlanned ? Math.max(0, countLinks(separation) - unprocessed) : 0
}

const byReceivedLast = (a: ListedSeparation, b: ListedSeparation): number =>
  Date.parse(b.separation.receivedAt) - Date.parse(a.separation.receivedAt)
