import {
  parseStemJobKey,
  QUEUES,
  type SeparationJob,
  type SeparationResult,
  type StemJob,
  stemJobData,
  stemJobId,
  stemJobOptions,
} from './jobs.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'

const PER_SWEEP = 1000 // the next sweep takes the rest

export type StuckFinderOptions = { redis: RedisConnection; prefix: string; attempts: number }

/**
 * Frees separations that nothing drives any more: jobs that failed for good, and jobs that wait for a child which is not
 * there. Neither should happen; data that was lost, or an operator's hand in the queue, can bring it about.
 *
 * @param options.redis a connection that fails fast; it stays the caller's to close
 * @param options.attempts per stem
 */
export const createStuckFinder = ({ redis, prefix, attempts }: StuckFinderOptions) => {
  const separations = openQueue<SeparationJob, SeparationResult>(redis, prefix, QUEUES.separations)
  const stems = openQueue<StemJob>(redis, prefix, QUEUES.stems)

  const driveFailed = async (): Promise<string[]> => {
    const failed = await separations.getFailed(0, PER_SWEEP - 1)
    for (const job of failed) await job.retry('failed', { resetAttemptsMade: true }).catch(() => {}) // another was quicker
    return failed.map((job) => job.data.separation.taskId)
  }

  const reviveChildren = async (): Promise<string[]> => {
    const freed: string[] = []
    for (const parent of await separations.getWaitingChildren(0, PER_SWEEP - 1)) {
      const { separation } = parent.data
      const { taskId, stems: named } = separation
      const { unprocessed = [] } = await parent.getDependencies({ unprocessed: { count: 1000 } })
      for (const key of unprocessed) {
        const child = parseStemJobKey(key)
        const stem = named.find(({ name }) => name === child?.stem)
        const data = stem && stemJobData(separation, stem)
        if (!child || !data) continue
        const jobId = stemJobId(taskId, child.run, child.stem)
        const job = await stems.getJob(jobId)
        if (job && !(await job.isFailed())) continue
        const owner = { id: parent.id as string, queue: separations.qualifiedName }
        if (job) await job.retry('failed', { resetAttemptsMade: true })
        else await stems.add('stem', data, { ...stemJobOptions(attempts), jobId, parent: owner })
        freed.push(taskId)
      }
    }
    return freed
  }

  return {
    /**
     * @returns the task ids that were freed
     * @throws when Redis is away
     */
    free: async (): Promise<string[]> => [...new Set([...(await driveFailed()), ...(await reviveChildren())])],
  }
}

export type StuckFinder = ReturnType<typeof createStuckFinder>
