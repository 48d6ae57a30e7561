import type { FailedStem, SavedStem, StemOutcome } from '@stems/domain/manifest'
import type { NamedStem, Separation } from '@stems/domain/separation'
import { DelayedError, type Job, type JobsOptions, Queue, SpanKind, WaitingChildrenError, Worker } from 'bullmq'
import { type Adopted, type Change, createAdoption, type Readback } from './adoption.ts'
import { type Awaiting, createAwait } from './awaiting.ts'
import { backoffMs } from './backoff.ts'
import { readFailure } from './failure.ts'
import { createArrivals, priorityOf } from './fair-order.ts'
import {
  type AnalysisJob,
  analysisJobOptions,
  parseStemJobKey,
  QUEUES,
  type SeparationJob,
  type SeparationResult,
  type StemJob,
  type StemResult,
  stemJobData,
  stemJobId,
  stemJobOptions,
} from './jobs.ts'
import { createLibraryIndex, type ListedStatus } from './library-index.ts'
import { changeOwnJob } from './own-job.ts'
import { createPlanningPace } from './planning-pace.ts'
import type { Log, RedisConnection } from './redis.ts'
import { createResentBox } from './resent.ts'
import { keepSeparations } from './retention.ts'
import { createSeal } from './seal.ts'
import { type Telemetry, telling } from './telemetry.ts'
import { sharedWorkerOptions } from './worker-options.ts'

export type SeparationsWorkerOptions = {
  /** A patient connection; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** Attempts per stem. */
  attempts: number
  /** How long ended jobs are remembered, in seconds. */
  retainS?: number | undefined
  /** Judges each callback before anything of it is fetched; every one is believed where it is left out. */
  readback?: Readback | undefined
  /** How tasks that were registered come to an end without a callback; they wait for one for ever where it is left out. */
  awaiting?: Awaiting | undefined
  /** Called before the first stem is planned: remembers that this separation is open. May be called again. */
  begin: (separation: Separation) => Promise<void>
  /**
   * Called when every stem has come to an end: writes the manifest and returns its status. May be called again.
   * `confirmLock` throws when another worker has taken over meanwhile; ask it right before writing.
   */
  finish: (
    separation: Separation,
    outcomes: ReadonlyMap<string, StemOutcome>,
    confirmLock: () => Promise<void>,
  ) => Promise<SeparationResult['status']>
  /** Called when the manifest has been written, before the job ends. May be called again. */
  onFinished?: ((separation: Separation, run: number) => Promise<void>) | undefined
  /** Is somebody to look at the stems that were saved? */
  analyses?: boolean
  /** Called whenever a job is started or ends. */
  onActivity?: () => void
  telemetry?: Telemetry | undefined
  log: Log
}

type SeparationsJob = Job<SeparationJob, SeparationResult>

/**
 * The step job of a separation: plan one child per stem, give the worker free until all have ended, finish.
 * Each step may be repeated after a crash; none may assume that it runs for the first time.
 */
export const createSeparationsWorker = ({
  redis,
  prefix,
  attempts,
  retainS,
  readback,
  awaiting,
  begin,
  finish,
  onFinished,
  analyses: isAnalysed = false,
  onActivity,
  telemetry,
  log,
}: SeparationsWorkerOptions) => {
  const stems = new Queue<StemJob, StemResult>(QUEUES.stems, { connection: redis, prefix, ...telling(telemetry) })
  stems.on('error', () => {}) // the connection reports its own outages
  const analyses = isAnalysed ? new Queue<AnalysisJob>(QUEUES.analyses, { connection: redis, prefix }) : undefined
  analyses?.on('error', () => {})
  const seal = createSeal(redis, prefix)
  const resent = createResentBox(redis, prefix)
  const adopt = createAdoption({ resent, seal, readback, canAsk: awaiting?.canAsk ?? false })
  const awaitTask = createAwait({ awaiting, seal: seal.seal })
  const arrive = createArrivals(redis, prefix)
  const index = createLibraryIndex(redis, prefix)

  const note = ({ taskId, receivedAt }: Separation, status: ListedStatus): Promise<void> =>
    index.move({ taskId, receivedAt, status })

  const inPace = createPlanningPace(() => stems.getPrioritizedCount())

  const drive = async (job: SeparationsJob, token: string): Promise<SeparationResult> => {
    const confirmLock = async () => {
      const isOurs = (await job.extendLock(token, sharedWorkerOptions.lockDuration)) === 1
      if (!isOurs) throw new Error('another worker has taken this separation over')
    }
    const change: Change = (data, fields) =>
      changeOwnJob(redis, job, token, data, { hash: resent.key(data.separation.taskId), fields })
    const adopted = await adopt(job, change)
    return inItsTrace(job, () => goOn(job, token, adopted, change, confirmLock))
  }

  // Who has driven it again began a trace of his own: what follows belongs to that one, and not to the one it was made in.
  const inItsTrace = async <T>({ data: { trace } }: SeparationsJob, work: () => Promise<T>): Promise<T> =>
    trace === undefined ? work() : worker.trace(SpanKind.CONSUMER, 'drive', QUEUES.separations, work, trace)

  const goOn = async (
    job: SeparationsJob,
    token: string,
    { objection }: Adopted,
    change: Change,
    confirmLock: () => Promise<void>,
  ): Promise<SeparationResult> => {
    onActivity?.() // the provider may have taken its time
    const { data } = job
    if (data.awaited) {
      const next = await awaitTask({ ...data, awaited: data.awaited }, change)
      onActivity?.()
      if (next.kind === 'wait') {
        await note(data.separation, data.separation.stems.length === 0 ? 'expected' : 'waiting')
        await job.moveToDelayed(next.until, token)
        throw new DelayedError() // no attempt is spent
      }
      if (next.kind === 'over') return end(job, next.separation, new Map(), confirmLock)
    }
    if (objection === undefined) {
      await planStems(job, confirmLock)
      if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError()
    }
    const outcomes = objection === undefined ? await collectOutcomes(job) : refuseAll(job.data.separation, objection)
    if (objection === undefined) confirmAll(job.data.separation, outcomes)
    const result = await end(job, job.data.separation, outcomes, confirmLock)
    if (objection !== undefined) return { status: 'failed', saved: [] } // whatever is home: a repeat must be looked at again
    return result
  }

  const end = async (
    job: SeparationsJob,
    separation: Separation,
    outcomes: ReadonlyMap<string, StemOutcome>,
    confirmLock: () => Promise<void>,
  ): Promise<SeparationResult> => {
    const status = await finish(separation, outcomes, confirmLock)
    const { run } = job.data
    await onFinished?.(separation, run)
    await note(separation, status)
    const saved = [...outcomes].filter(([, outcome]) => outcome.status === 'saved').map(([name]) => name)
    // Last: whoever has looked at the stems of a run may rely on it that all else of the run is done.
    if (saved.length > 0) await addAnalysis({ taskId: separation.taskId, run })
    return { status, saved }
  }

  const addAnalysis = async (job: AnalysisJob): Promise<void> => {
    await analyses?.add('analysis', job, analysisJobOptions(job))
  }

  // Adding a child that the parent knows as failed would make the parent wait for ever, so only unknown ones are added.
  const planStems = async (job: SeparationsJob, confirmLock: () => Promise<void>): Promise<void> => {
    const { separation, run } = job.data
    const known = await knownChildren(job)
    const parent = { id: job.id as string, queue: job.queueQualifiedName }
    const missing = inOrderOfUse(separation.stems).flatMap((stem) => {
      const data = stemJobData(separation, stem)
      const jobId = stemJobId(separation.taskId, run, stem.name)
      if (!data || known.has(`${stems.qualifiedName}:${jobId}`)) return []
      return [{ name: 'stem', data, opts: { ...stemJobOptions(attempts), jobId, parent } }]
    })
    if (missing.length > 0) await inPace(() => addStems(separation, missing, confirmLock))
  }

  const addStems = async (separation: Separation, missing: NewStem[], confirmLock: () => Promise<void>) => {
    const [place] = await Promise.all([arrive(missing.length), seal.open(separation).then(begin)])
    const children = missing.map((child) => {
      const priority = priorityOf(place, WANTED_FIRST.includes(child.data.stem))
      return { ...child, opts: { ...child.opts, priority } }
    })
    await confirmLock()
    // Noted with its stems and no earlier: who has waited for long may find that another has brought it to its end.
    const [added] = await Promise.all([stems.addBulk(children), note(separation, 'downloading')])
    // A refused child comes back with a number for an id instead of an error.
    const refused = added.filter((child) => typeof child.id !== 'string')
    if (refused.length > 0) throw new Error(`Redis refused ${refused.length} of ${added.length} stem jobs`)
  }

  const running = new Set<string>()
  const driveSeen = (job: SeparationsJob, token: string): Promise<SeparationResult> => {
    const { taskId } = job.data.separation
    running.add(taskId)
    return drive(job, token).finally(() => running.delete(taskId))
  }

  const worker = new Worker<SeparationJob, SeparationResult>(
    QUEUES.separations,
    (job, token) => driveSeen(job, token as string),
    {
      ...sharedWorkerOptions,
      ...keepSeparations(retainS),
      ...telling(telemetry),
      connection: redis,
      prefix,
      concurrency: 16,
      settings: { backoffStrategy: (made) => backoffMs(made, 1000, 60_000) },
    },
  )
  worker.on('error', (error) => log.debug({ error: error.message }, 'separations.worker_error'))
  for (const event of ['active', 'completed', 'failed'] as const) worker.on(event, () => onActivity?.())
  worker.on('failed', (job, error) => {
    log.warn(
      { taskId: job?.data.separation.taskId, attempt: job?.attemptsMade, error: error.message },
      'separation.failed',
    )
  })
  return {
    /** Task ids of those of which a step is being taken right now. */
    running: (): string[] => [...running],
    /** Takes no new work, waits for what runs (steps take milliseconds), and leaves. Safe to call twice. */
    close: async () => {
      await worker.close()
      await stems.close()
      await analyses?.close()
    },
  }
}

type NewStem = { name: string; data: StemJob; opts: JobsOptions }

// Who waits for a separation can begin with these two.
const WANTED_FIRST = ['vocal', 'vocals', 'lead_vocal', 'instrumental']

const inOrderOfUse = (stems: NamedStem[]): NamedStem[] => {
  const place = ({ name }: NamedStem) => (WANTED_FIRST.indexOf(name) + 1 || WANTED_FIRST.length + 1) - 1
  return stems.toSorted((a, b) => place(a) - place(b))
}

const knownChildren = async (job: SeparationsJob): Promise<Set<string>> => {
  if (job.attemptsStarted === 1) return new Set() // nobody has held it before
  const { processed, unprocessed, failed, ignored } = await job.getDependencies()
  return new Set([
    ...Object.keys(processed ?? {}),
    ...Object.keys(ignored ?? {}),
    ...(unprocessed ?? []),
    ...(failed ?? []),
  ])
}

// Of several runs the last one counts.
const collectOutcomes = async (job: SeparationsJob): Promise<Map<string, StemOutcome>> => {
  const urls = new Map(job.data.separation.stems.map(({ name, url }) => [name, url]))
  const saved: [string, SavedStem][] = Object.entries(await job.getChildrenValues<StemResult>()).map(
    ([key, result]) => [key, result.saved],
  )
  const failed = Object.entries(await job.getIgnoredChildrenFailures()).map(([key, reason]): [string, StemOutcome] => [
    key,
    { status: 'failed', source_url: urls.get(parseStemJobKey(key)?.stem ?? '') ?? '', error: readFailure(reason) },
  ])
  const ended = [...saved, ...failed].flatMap(([key, outcome]) => {
    const child = parseStemJobKey(key)
    return child ? [{ ...child, outcome }] : []
  })
  ended.sort((a, b) => a.run - b.run)
  return new Map(ended.map(({ stem, outcome }) => [stem, outcome]))
}

// A master that was promoted may never have heard of the children that the last one took: they are planned again.
const confirmAll = ({ stems }: Separation, outcomes: ReadonlyMap<string, StemOutcome>): void => {
  const forgotten = stems.filter(({ name, url }) => url !== null && !outcomes.has(name))
  if (forgotten.length > 0) throw new Error(`Redis has forgotten ${forgotten.length} stem jobs that were planned`)
}

const refuseAll = ({ stems }: Separation, objection: string): Map<string, StemOutcome> => {
  const message = `not fetched: ${objection}. The callback is in quarantine.`
  return new Map(
    stems.flatMap(({ name, url }): [string, FailedStem][] =>
      url === null ? [] : [[name, { status: 'failed', source_url: url, error: { code: 'unconfirmed', message } }]],
    ),
  )
}
