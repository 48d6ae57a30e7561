import { type Separation, separationSchema } from '@stems/domain/separation'
import type { Job, JobState } from 'bullmq'
import { createJobStateReader } from './job-state.ts'
import { QUEUES, type SeparationJob, type SeparationResult, separationJobId } from './jobs.ts'
import type { ListedStatus } from './library-index.ts'
import { createLibraryPages, type LibraryQuery } from './library-pages.ts'
import { openQueue, type QueueAccess } from './open-queue.ts'
import { askRedis } from './queue-away-error.ts'

/** A separation as the queue knows it. */
export type ListedSeparation = {
  separation: Separation
  status: ListedStatus
  /** Stems that have come to an end, saved or not, of all that have a link. */
  progress: { ended: number; total: number }
  /** Why the last attempt at the separation as a whole failed, where one did; or what keeps news of it away. */
  problem: string | undefined
}

type StoredJob = Job<SeparationJob, SeparationResult>

/** Looks at the library's list and into the queue of separations; what it costs does not grow with either. */
export const createListing = ({ redis, prefix, deadlineMs }: QueueAccess) => {
  const queue = openQueue<SeparationJob, SeparationResult>(redis, prefix, QUEUES.separations)
  const stateOf = createJobStateReader(redis, queue)

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

  const ask = <T>(work: () => Promise<T>): Promise<T> => askRedis(deadlineMs, work)
  const pages = createLibraryPages(redis, prefix)

  return {
    /**
     * A page of the list. One who goes from page to page misses no separation that was there, with the status that is asked
     * for, from the first page to the last: its place in the index never changes.
     *
     * @throws {QueueAwayError}
     */
    page: (query: LibraryQuery) => ask(() => pages.read(query)),
    /**
     * How many separations have each status.
     *
     * @throws {QueueAwayError}
     */
    count: () => ask(pages.count),
    /**
     * When the entry of a task last changed, in milliseconds since 1970; `undefined` when the index does not have it.
     *
     * @throws {QueueAwayError}
     */
    changedAt: (taskId: string) => ask(() => pages.changedAt(taskId)),
    /**
     * Does the index hold everything that the store holds?
     *
     * @throws {QueueAwayError}
     */
    isComplete: () => ask(pages.isComplete),
    /**
     * One separation, if the queue remembers it.
     *
     * @throws {QueueAwayError}
     */
    find: (taskId: string) => ask(() => findNow(taskId)),
  }
}

export type Listing = ReturnType<typeof createListing>

/** What a separation is doing, by its job. */
export const statusOf = (job: StoredJob, state: JobState): ListedSeparation['status'] => {
  if (state === 'completed') return job.returnvalue?.status ?? 'failed'
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
