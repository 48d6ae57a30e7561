import { openQueues } from '@stems/queue/open-queue'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { PREFIX } from './system-under-drill.ts'

const UNDER_WAY = ['waiting', 'active', 'delayed', 'waiting-children', 'prioritized'] as const

/** Reads what the queues hold. */
export const watchQueues = (redisUrl: string) => {
  const redis = connectImpatiently({ url: redisUrl }, { debug: () => {}, info: () => {}, warn: () => {} })
  const queues = openQueues({ redis, prefix: PREFIX })
  const worked = [queues.separations, queues.stems, queues.analyses]
  return {
    /** Jobs that have not ended, by queue and state; `undefined` while Redis is away. */
    underWay: async (): Promise<Record<string, number> | undefined> => {
      try {
        const counts = await Promise.all(worked.map((queue) => queue.getJobCounts(...UNDER_WAY)))
        const found = worked.flatMap((queue, at) =>
          Object.entries(counts[at] ?? {}).map(([state, jobs]) => [`${queue.name} ${state}`, jobs] as const),
        )
        const sums: Record<string, number> = {}
        for (const [what, jobs] of found) if (jobs > 0) sums[what] = (sums[what] ?? 0) + jobs
        return sums
      } catch {
        return undefined
      }
    },
    /** How many jobs have ended. */
    ended: async (): Promise<number> => {
      const counts = await Promise.all(worked.map((queue) => queue.getJobCountByTypes('completed', 'failed')))
      return counts.reduce((sum, count) => sum + count, 0)
    },
    /** The tasks of which the quarantine keeps a payload. */
    quarantined: async (): Promise<Set<string>> => {
      const jobs = await queues.quarantine.getJobs(['waiting', 'completed', 'failed'])
      return new Set(jobs.map((job) => job.data.taskId as string))
    },
    close: async (): Promise<void> => {
      disconnect(redis)
    },
  }
}

export type QueueWatch = ReturnType<typeof watchQueues>
