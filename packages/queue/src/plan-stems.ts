import type { NamedStem, Separation } from '@stems/domain/separation'
import type { Job, JobsOptions, Queue } from 'bullmq'
import { isFirstStart } from './collect-outcomes.ts'
import { type Place, priorityOf } from './fair-order.ts'
import {
  type SeparationJob,
  type SeparationResult,
  type StemJob,
  type StemResult,
  stemJobData,
  stemJobId,
  stemJobOptions,
} from './jobs.ts'

export type NewStem = { name: string; data: StemJob; opts: JobsOptions }

/**
 * The stem jobs that a run of a separation lacks. A child that the parent knows as failed would make the parent wait for ever if
 * it were added again, so only unknown ones are.
 */
export const missingStems = async (
  job: Job<SeparationJob, SeparationResult>,
  stems: Queue<StemJob, StemResult>,
  attempts: number,
): Promise<NewStem[]> => {
  const { separation, run } = job.data
  const known = await knownChildren(job)
  const parent = { id: job.id as string, queue: job.queueQualifiedName }
  return inOrderOfUse(separation.stems).flatMap((stem) => {
    const data = stemJobData(separation, stem)
    const jobId = stemJobId(separation.taskId, run, stem.name)
    if (!data || known.has(`${stems.qualifiedName}:${jobId}`)) return []
    return [{ name: 'stem', data, opts: { ...stemJobOptions(attempts), jobId, parent } }]
  })
}

/**
 * Adds stem jobs with the priority of their place.
 *
 * @throws when Redis refuses one of them
 */
export const addStems = async (
  stems: Queue<StemJob, StemResult>,
  missing: readonly NewStem[],
  place: Place,
): Promise<void> => {
  const added = await stems.addBulk(
    missing.map((child) => ({
      ...child,
      opts: { ...child.opts, priority: priorityOf(place, WANTED_FIRST.includes(child.data.stem)) },
    })),
  )
  // A refused child comes back with a number for an id instead of an error.
  const refused = added.filter((child) => typeof child.id !== 'string')
  if (refused.length > 0) throw new Error(`Redis refused ${refused.length} of ${added.length} stem jobs`)
}

// A listener can begin with these.
const WANTED_FIRST = ['vocal', 'vocals', 'lead_vocal', 'instrumental']

const inOrderOfUse = (stems: NamedStem[]): Separation['stems'] => {
  const place = ({ name }: NamedStem) => (WANTED_FIRST.indexOf(name) + 1 || WANTED_FIRST.length + 1) - 1
  return stems.toSorted((a, b) => place(a) - place(b))
}

const knownChildren = async (job: Job): Promise<Set<string>> => {
  if (isFirstStart(job)) return new Set()
  const { processed, unprocessed, failed, ignored } = await job.getDependencies()
  return new Set([
    ...Object.keys(processed ?? {}),
    ...Object.keys(ignored ?? {}),
    ...(unprocessed ?? []),
    ...(failed ?? []),
  ])
}
