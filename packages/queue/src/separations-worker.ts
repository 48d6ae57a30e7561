import type { StemOutcome } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import { DelayedError, type Job, Queue, SpanKind, WaitingChildrenError } from 'bullmq'
import { type Change, createAdoption, type Readback } from './adoption.ts'
import { type Awaiting, createAwait } from './awaiting.ts'
import { backoffMs } from './backoff.ts'
import { collectOutcomes, type Outcomes, refuseAll } from './collect-outcomes.ts'
import { createConsumer } from './consumer.ts'
import { createArrivals } from './fair-order.ts'
import {
  type AnalysisJob,
  analysisJobOptions,
  QUEUES,
  type SeparationJob,
  type SeparationResult,
  type StemJob,
  type StemResult,
} from './jobs.ts'
import { createLibraryIndex, type ListedStatus } from './library-index.ts'
import { changeOwnJob, confirmOwnJob } from './own-job.ts'
import { addStems, missingStems } from './plan-stems.ts'
import { createPlanningPace } from './planning-pace.ts'
import type { Log, RedisConnection } from './redis.ts'
import { createResentBox } from './resent.ts'
import { keepSeparations } from './retention.ts'
import { createSeal } from './seal.ts'
import { type Telemetry, telling } from './telemetry.ts'

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
  const merge = createAdoption({ resent, seal, readback, canAsk: awaiting?.canAsk ?? false })
  const awaitTask = createAwait(awaiting, seal.seal)
  const arrive = createArrivals()
  const index = createLibraryIndex(redis, prefix)

  const note = ({ taskId, receivedAt }: Separation, status: ListedStatus): Promise<void> =>
    index.move({ taskId, receivedAt, status })

  const inPace = createPlanningPace(() => stems.getPrioritizedCount())

  const process = async (job: SeparationsJob, token: string): Promise<SeparationResult> => {
    const confirmLock = () => confirmOwnJob(redis, job, token)
    const change: Change = (data, fields) =>
      changeOwnJob(redis, job, token, data, { hash: resent.key(data.separation.taskId), fields })
    const mismatch = await merge(job, change)
    return inItsTrace(job, async () => {
      onActivity?.() // the provider may have taken its time
      return take(await decide(job, mismatch, change), job, token, confirmLock)
    })
  }

  // A job that runs again for another callback belongs to the trace of that one, and not to the one in which it was made.
  const inItsTrace = async <T>({ data: { trace } }: SeparationsJob, work: () => Promise<T>): Promise<T> =>
    trace === undefined ? work() : worker.trace(SpanKind.CONSUMER, 'drive', QUEUES.separations, work, trace)

  const decide = async ({ data }: SeparationsJob, mismatch: string | undefined, change: Change): Promise<Step> => {
    if (data.awaited) {
      const next = await awaitTask({ ...data, awaited: data.awaited }, change)
      onActivity?.()
      if (next.kind === 'wait') return next
      if (next.kind === 'over') return { kind: 'give_up', separation: next.separation }
    }
    return mismatch === undefined ? { kind: 'download' } : { kind: 'refuse', mismatch }
  }

  const take = async (
    step: Step,
    job: SeparationsJob,
    token: string,
    confirmLock: () => Promise<void>,
  ): Promise<SeparationResult> => {
    const { separation } = job.data
    switch (step.kind) {
      case 'wait':
        await note(separation, separation.stems.length === 0 ? 'expected' : 'waiting')
        await job.moveToDelayed(step.until, token)
        throw new DelayedError() // no attempt is spent
      case 'give_up':
        return end(job, step.separation, new Map(), confirmLock)
      case 'refuse':
        await end(job, separation, refuseAll(separation, step.mismatch), confirmLock)
        return { status: 'failed', saved: [] } // whatever is stored: a repeat must be compared again
      case 'download':
        return end(job, separation, await download(job, token, confirmLock), confirmLock)
    }
  }

  const download = async (job: SeparationsJob, token: string, confirmLock: () => Promise<void>): Promise<Outcomes> => {
    const before = await collectOutcomes(job)
    if (before.missing.length === 0) return before.outcomes
    await planStems(job, confirmLock)
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError()
    const { outcomes, missing } = await collectOutcomes(job)
    // A master that was promoted may never have received them. They are planned again.
    if (missing.length > 0) throw new Error(`Redis has forgotten ${missing.length} stem jobs that were planned`)
    return outcomes
  }

  const planStems = async (job: SeparationsJob, confirmLock: () => Promise<void>): Promise<void> => {
    const { separation } = job.data
    const missing = await missingStems(job, stems, attempts)
    if (missing.length === 0) return
    await inPace(async () => {
      await begin(await seal.open(separation))
      await confirmLock()
      // The status changes with the jobs and no earlier: after a long wait another worker may have ended the separation.
      await Promise.all([addStems(stems, missing, arrive(missing.length)), note(separation, 'downloading')])
    })
  }

  const end = async (
    job: SeparationsJob,
    separation: Separation,
    outcomes: Outcomes,
    confirmLock: () => Promise<void>,
  ): Promise<SeparationResult> => {
    const status = await finish(separation, outcomes, confirmLock)
    const { run } = job.data
    await onFinished?.(separation, run)
    await note(separation, status)
    const saved = [...outcomes].filter(([, outcome]) => outcome.status === 'saved').map(([name]) => name)
    // Last: an analysis may rely on it that all else of the run is done.
    const analysis = { taskId: separation.taskId, run }
    if (saved.length > 0) await analyses?.add('analysis', analysis, analysisJobOptions(analysis))
    return { status, saved }
  }

  const running = new Set<string>()
  const processSeen = (job: SeparationsJob, token: string): Promise<SeparationResult> => {
    const { taskId } = job.data.separation
    running.add(taskId)
    return process(job, token).finally(() => running.delete(taskId))
  }

  const { worker, close } = createConsumer<SeparationJob, SeparationResult>({
    ...{ redis, prefix, log },
    queue: QUEUES.separations,
    process: (job, _signal, token) => processSeen(job, token as string),
    options: {
      ...keepSeparations(retainS),
      ...telling(telemetry),
      concurrency: 16,
      settings: { backoffStrategy: (made) => backoffMs(made, 1000, 60_000) },
    },
  })
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
    close: () => close(0),
  }
}

/** What a separation's job does next, when it has merged what its callbacks say. `until` in milliseconds since 1970. */
type Step =
  | { kind: 'download' }
  | { kind: 'wait'; until: number }
  | { kind: 'give_up'; separation: Separation }
  | { kind: 'refuse'; mismatch: string }
