import type { SavedStem } from '@stems/domain/manifest'
import type { NamedStem, Separation } from '@stems/domain/separation'
import type { JobsOptions } from 'bullmq'

/** The queues, by the names under which Redis and Bull Board know them. */
export const QUEUES = {
  separations: 'separations',
  stems: 'stems',
  quarantine: 'quarantine',
  notifications: 'notifications',
  analyses: 'analyses',
} as const

/** Data of a job in `separations`. Ingress writes it once; from then on only the worker that holds the job does. */
export type SeparationJob = {
  separation: Separation
  /**
   * Counted up each time the separation is driven again; children of each run have ids of their own. It begins with the
   * time, so that a job made anew does not meet the children of one that was forgotten.
   */
  run: number
  /** How strictly its links were compared with the provider's record; left out where nobody has compared them. */
  confirmedBy?: 'suspicious' | 'always'
  /** There while nobody has said anything of a task that was registered; its separation names no stem yet. */
  awaited?: Awaited
  /** The trace of who has driven it again, as BullMQ carries it; the job's own is that of who made it. */
  trace?: string
}

/** A registered task of which the provider has not said yet how it ended. Times are ISO. */
export type Awaited = {
  since: string
  /** What keeps the provider from telling. */
  problem?: string
  /** Since when it knows no such task. */
  unknownSince?: string
  /** The job's separation is what a callback has said, and the provider's record is to bear it out. */
  heard?: true
}

/** What a finished job in `separations` returns: enough to judge a callback that comes later. */
export type SeparationResult = { status: 'complete' | 'partial' | 'failed'; saved: string[] }

/** Data of a job in `stems`. `receivedAt`: when its callback came; the provider deletes the file 14 days later. */
export type StemJob = { taskId: string; stem: string; url: string; otherUrls?: string[]; receivedAt: string }

/** The data of a stem's job; `undefined` for a stem without a link. */
export const stemJobData = (
  { taskId, receivedAt }: Pick<Separation, 'taskId' | 'receivedAt'>,
  { name, url, otherUrls }: NamedStem,
): StemJob | undefined =>
  url === null ? undefined : { taskId, stem: name, url, ...(otherUrls ? { otherUrls } : {}), receivedAt }

/** What a finished job in `stems` returns. Its separation keeps it longer than the job lives. */
export type StemResult = { saved: SavedStem; attempts: number }

/** Data of a job in `analyses`: look at the stems that a run of a separation has saved. */
export type AnalysisJob = { taskId: string; run: number }

/** What a finished job in `analyses` returns: how many stems it has looked at. */
export type AnalysisResult = { analysed: number }

/**
 * Data of a job in `quarantine`: a verified payload, whole. `shape`: nobody here can read it yet. `unconfirmed`: the
 * provider's own record does not bear it out; its payload is the separation.
 */
export type QuarantineJob = {
  kind?: 'shape' | 'unconfirmed'
  taskId: string
  reason: string
  receivedAt: string
  payload: unknown
  /** Nothing proved who sent it. */
  isUnproven?: true | undefined
}

// The prefix keeps ids of digits alone apart from BullMQ's own; a dot stands in neither task ids nor stem names.
export const separationJobId = (taskId: string): string => `sep_${taskId}`
export const stemJobId = (taskId: string, run: number, stem: string): string => `sep_${taskId}.${run}.${stem}`
export const analysisJobId = ({ taskId, run }: AnalysisJob): string => `an_${taskId}.${run}`

/** Takes the run and the stem's name out of a child's job key; `undefined` for a key of another form. */
export const parseStemJobKey = (key: string): { run: number; stem: string } | undefined => {
  const [, run, stem] = /\.(\d+)\.([^.]+)$/.exec(key) ?? []
  return run && stem ? { run: Number(run), stem } : undefined
}

const DAY_S = 24 * 3600

/** How long things are remembered where nobody says otherwise: the provider keeps files for 14 days. */
export const RETENTION_S = 30 * DAY_S

/** Options of a job in `separations`. It is tried until its manifest is written: the account must not end in a shrug. */
export const separationJobOptions = (taskId: string): JobsOptions => ({
  jobId: separationJobId(taskId),
  attempts: 100_000,
  backoff: { type: 'custom' },
  stackTraceLimit: 3,
})

/** Options of a job in `stems`, without its parent. A failure must neither fail the parent nor be forgotten by it. */
export const stemJobOptions = (attempts: number): JobsOptions => ({
  attempts,
  backoff: { type: 'custom' },
  stackTraceLimit: 3,
  ignoreDependencyOnFailure: true,
})

/** Options of a job in `analyses`. What no patience brings about is given up: the stems are home all the same. */
export const analysisJobOptions = (job: AnalysisJob): JobsOptions => ({
  jobId: analysisJobId(job),
  lifo: true, // whoever has just bought a separation looks at it, and at no other
  attempts: 8,
  backoff: { type: 'exponential', delay: 5000, jitter: 0.5 },
  stackTraceLimit: 1,
})
