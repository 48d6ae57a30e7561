import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from './deadline.ts'
import { type AnalysisJob, QUEUES, type SeparationJob, type SeparationResult, separationJobId } from './jobs.ts'
import { isDone } from './move.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'
import { createResentBox } from './resent.ts'

/**
 * - `driven`: the separation's job looks at its manifest once more.
 * - `running`: it has not come to its end yet, and will find what there is then.
 * - `superseded`: another run has begun since, and takes care of itself.
 * - `unknown`: the queue has forgotten it.
 */
export type AmendAnswer = 'driven' | 'running' | 'superseded' | 'unknown'

/**
 * Has the manifest of an ended separation written once more, with what has been found out about its stems. Only the
 * separation's own job writes manifests: it is driven without another run, and ends as it had ended.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createAmender = ({
  redis,
  prefix,
  deadlineMs,
}: {
  redis: RedisConnection
  prefix: string
  deadlineMs: number
}) => {
  const queue = openQueue<SeparationJob, SeparationResult>(redis, prefix, QUEUES.separations)
  const resent = createResentBox(redis, prefix)

  const amendNow = async ({ taskId, run }: AnalysisJob, signal: AbortSignal): Promise<AmendAnswer> => {
    for (;;) {
      signal.throwIfAborted()
      const job = await queue.getJob(separationJobId(taskId))
      if (job?.data.run !== run) {
        await resent.forgetEnd(taskId, run) // who came first may not have seen it
        return job ? 'superseded' : 'unknown'
      }
      const state = await job.getState()
      if (state === 'completed' && job.returnvalue) {
        // The job is about to forget how it ended, and a callback that comes meanwhile wants to know.
        await resent.putEnd(taskId, run, job.returnvalue)
        job.opts.lifo = true // it takes some milliseconds, and nobody is to see it wait for hours behind others
        // Atomic in Redis: of two who drive it one does, the other finds it driven and looks again.
        if (await isDone(job.retry('completed', { resetAttemptsMade: true }))) return 'driven'
      } else if (state !== 'completed' && state !== 'active' && state !== 'unknown') {
        return 'running'
      }
      // An active job may have looked already, and may end any moment: wait until that is certain.
      await sleep(20, undefined, { signal })
    }
  }

  return {
    /**
     * @param run of which the stems were looked at
     * @throws when Redis did not acknowledge in time; to repeat it is harmless
     */
    amend: (job: AnalysisJob): Promise<AmendAnswer> =>
      withDeadline('Redis', deadlineMs, (signal) => amendNow(job, signal)),
    close: () => queue.close(),
  }
}

export type Amender = ReturnType<typeof createAmender>
