import { type Separation, separationSchema } from '@stems/domain/separation'
import type { Job, JobState } from 'bullmq'
import { createJobStateReader } from './job-state.ts'
import { QUEUES, type SeparationJob, type SeparationResult, separationJobId } from './jobs.ts'
import type { ListedStatus } from './library-index.ts'
import { createLibraryPages } from './library-pages.ts'
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
export const createListing = (access: QueueAccess) => {
  const { redis, prefix } = access
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

  return {
    ...createLibraryPages(access),
    /**
     * One separation, if the queue remembers it.
     *
     * @throws {QueueAwayError}
     */
    find: (taskId: string) => askRedis(access.deadlineMs, () => findNow(taskId)),
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
