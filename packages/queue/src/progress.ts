import type { Job } from 'bullmq'
import { readFailure } from './failure.ts'
import { createJobStateReader } from './job-state.ts'
import { QUEUES, type SeparationJob, type StemJob, type StemResult, separationJobId, stemJobId } from './jobs.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'

/** How far the download of a stem is; `bytes` and `total` are null as long as nobody knows. */
export type StemProgress = {
  stem: string
  /** In BullMQ's words; `unknown` when it is not planned yet, or was forgotten. */
  state: string
  bytes: number | null
  total: number | null
  /** Attempts that have come to an end. */
  attempts: number
  /** Why the last attempt failed, where one did and none has succeeded since. */
  lastError: { code: string; message: string } | null
}

/**
 * Shows how far the stems of a separation are. It writes nothing.
 *
 * @param redis stays the caller's to close
 */
export const createProgressReader = (redis: RedisConnection, prefix: string) => {
  const separations = openQueue<SeparationJob>(redis, prefix, QUEUES.separations)
  const stems = openQueue<StemJob>(redis, prefix, QUEUES.stems)
  const stateOf = createJobStateReader(redis, stems)

  // A stem's job is forgotten before its separation's, which knows what became of it.
  const readForgotten = async (parent: Job<SeparationJob>, stem: string): Promise<StemProgress | undefined> => {
    const { run, separation } = parent.data
    const [key, child] = [separations.toKey(parent.id as string), stems.toKey(stemJobId(separation.taskId, run, stem))]
    const [returned, reason] = await Promise.all([
      redis.hget(`${key}:processed`, child),
      redis.hget(`${key}:failed`, child),
    ])
    if (reason !== null) {
      return { stem, state: 'failed', bytes: null, total: null, attempts: 1, lastError: readFailure(reason) }
    }
    if (returned === null) return undefined
    const { saved, attempts } = JSON.parse(returned) as StemResult
    return { stem, state: 'completed', bytes: saved.bytes, total: saved.bytes, attempts, lastError: null }
  }

  const readStem = async (parent: Job<SeparationJob>, stem: string): Promise<StemProgress> => {
    const { run, separation } = parent.data
    const id = stemJobId(separation.taskId, run, stem)
    const [job, state] = await Promise.all([stems.getJob(id), stateOf(id)])
    const forgotten = job ? undefined : await readForgotten(parent, stem)
    if (forgotten) return forgotten
    const { bytes = null, total = null } = (job?.progress ?? {}) as { bytes?: number; total?: number | null }
    return { stem, state, bytes, total, attempts: job?.attemptsMade ?? 0, lastError: lastErrorOf(job, state) }
  }

  return {
    /** @returns one entry per stem that has a link, in the payload's order; `undefined` when there is no such job */
    read: async (taskId: string): Promise<StemProgress[] | undefined> => {
      const job = await separations.getJob(separationJobId(taskId))
      if (!job) return undefined
      const named = job.data.separation.stems.filter(({ url }) => url !== null)
      return Promise.all(named.map(({ name }) => readStem(job, name)))
    },
  }
}

export type ProgressReader = ReturnType<typeof createProgressReader>

const lastErrorOf = (job: Job<StemJob> | undefined, state: string): StemProgress['lastError'] =>
  job?.failedReason && state !== 'completed' ? readFailure(job.failedReason) : null
