import type { CurrentStem } from '@stems/domain/heartbeat'
import type { SavedStem } from '@stems/domain/manifest'
import type { StemJob } from '@stems/queue/jobs'
import type { Attempt } from '@stems/queue/stems-worker'

type SaveStem = (job: StemJob, attempt: Attempt) => Promise<SavedStem>

/** Knows the stems that are being brought home right now, and how far each is. */
export const createAtWork = () => {
  const running = new Set<CurrentStem>()
  return {
    /** The same function; what it does is known while it does it. */
    watch:
      (save: SaveStem): SaveStem =>
      async (job, attempt) => {
        const { taskId, stem } = job
        const mine: CurrentStem = { task_id: taskId, stem, bytes: 0, total: null, since: new Date().toISOString() }
        running.add(mine)
        const progress: Attempt['progress'] = (bytes, total) => {
          Object.assign(mine, { bytes, total })
          attempt.progress(bytes, total)
        }
        try {
          return await save(job, { ...attempt, progress })
        } finally {
          running.delete(mine)
        }
      },
    /** Those that have run for longest come first. */
    stems: (): CurrentStem[] => [...running],
  }
}
