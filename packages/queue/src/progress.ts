import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { QUEUES, type SeparationJob, separationJobId, stemJobId } from './jobs.ts'

/** How far the download of a stem is; `bytes` and `total` are null as long as nobody knows. */
export type StemProgress = { stem: string; state: string; bytes: number | null; total: number | null }

/**
 * Shows how far the stems of a separation are.
 *
 * @param redis stays the caller's to close
 */
export const createProgressReader = (redis: Redis, prefix: string) => {
  const options = { connection: redis, prefix, skipWaitingForReady: true, skipVersionCheck: true }
  const separations = new Queue<SeparationJob>(QUEUES.separations, options)
  const stems = new Queue(QUEUES.stems, options)
  for (const queue of [separations, stems]) queue.on('error', () => {}) // the connection reports its own outages

  const readStem = async (taskId: string, run: number, stem: string): Promise<StemProgress> => {
    const job = await stems.getJob(stemJobId(taskId, run, stem))
    const { bytes = null, total = null } = (job?.progress ?? {}) as { bytes?: number; total?: number | null }
    return { stem, state: job ? await job.getState() : 'unknown', bytes, total }
  }

  return {
    /** @returns one entry per stem that has a link, in the payload's order; `undefined` when there is no such job */
    read: async (taskId: string): Promise<StemProgress[] | undefined> => {
      const job = await separations.getJob(separationJobId(taskId))
      if (!job) return undefined
      const named = job.data.separation.stems.filter(({ url }) => url !== null)
      return Promise.all(named.map(({ name }) => readStem(taskId, job.data.run, name)))
    },
    close: async () => {
      await Promise.all([separations.close(), stems.close()])
    },
  }
}

export type ProgressReader = ReturnType<typeof createProgressReader>
