import { BusyHostError, StemError } from '@stems/domain/errors'
import { deadlineOf, KEPT_DAYS, waitBefore } from '@stems/domain/file-deadline'
import { publicLink } from '@stems/domain/link'
import type { SavedStem } from '@stems/domain/manifest'
import { DelayedError, type Job, Queue } from 'bullmq'
import { backoffMs } from './backoff.ts'
import { createConsumer } from './consumer.ts'
import { RetryableError, readFailure, toQueueError } from './failure.ts'
import { QUEUES, type StemJob, type StemResult } from './jobs.ts'
import type { Log, RedisConnection } from './redis.ts'
import { keepStems, trimSavedStems } from './retention.ts'
import { createSeal } from './seal.ts'
import { type Telemetry, telling } from './telemetry.ts'

/** What a download is told about the attempt it runs in. */
export type Attempt = {
  /** 1 for the first try. */
  number: number
  /** Aborted when the process shuts down or the job's lock is lost. */
  signal: AbortSignal
  /** Shows how far the download is; `total` is null where the far side does not say. */
  progress: (bytes: number, total: number | null) => void
  /** Milliseconds until the provider deletes the file; infinite where that time is not known. */
  leftMs: number
  /** For how many milliseconds to pause a host that answers 429 and names no time. */
  busyBackoffMs: number
}

export type StemsWorkerOptions = {
  /** A patient connection; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** Stems at once in this process. */
  concurrency: number
  /** Stems at once over all workers; `undefined` for no limit. */
  globalConcurrency: number | undefined
  /** First wait between two attempts. */
  backoffMs: number
  /** Brings one stem home. Throws StemError. */
  save: (stem: StemJob, attempt: Attempt) => Promise<SavedStem>
  /** Called when a stem is home, before its job ends. May be called again. What it throws costs the stem no attempt. */
  onSaved?: ((stem: StemJob, saved: SavedStem) => Promise<void>) | undefined
  /** Called whenever a job is started, goes on, or ends. */
  onActivity?: () => void
  /** Takes nothing before `resume` is called. */
  startsPaused?: boolean
  /** In place of the clock, for tests. */
  now?: () => number
  telemetry?: Telemetry | undefined
  log: Log
}

const LONGEST_BACKOFF_MS = 15 * 60_000
const LONGEST_STORE_WAIT_MS = 60_000
const LONGEST_BUSY_WAIT_MS = 60_000
const LOGS_PER_JOB = 20
const TRIM_EVERY = 1000
const PROGRESS_INTERVAL_MS = 500

/** Takes stems from the queue and gives each to `save`, with as many attempts as the job allows. */
export const createStemsWorker = (options: StemsWorkerOptions) => {
  const { redis, prefix, save, log, onActivity = () => {}, now = Date.now } = options
  const seal = createSeal(redis, prefix)

  const attempt = async (job: StoredStem, signal: AbortSignal, token: string | undefined): Promise<StemResult> => {
    try {
      const progress = progressOf(job, onActivity)
      const stem = await seal.openStem(job.data)
      const saved = await save(stem, {
        number: job.attemptsMade + 1,
        signal,
        progress,
        leftMs: leftMs(job),
        busyBackoffMs: busyBackoffMs(job),
      })
      const shown = { ...saved, source_url: publicLink(saved.source_url) }
      await options.onSaved?.(job.data, shown).catch(refuseToEnd)
      return { saved: shown, attempts: job.attemptsMade + 1 }
    } catch (error) {
      if (signal.aborted) throw error
      if (error instanceof StemError && error.code === 'store') return postpone(job, error, token)
      if (error instanceof BusyHostError && mayAwaitHost(job, error)) return awaitHost(job, error, token)
      throw withinDeadline(toQueueError(error), job)
    }
  }

  const leftMs = ({ data }: StoredStem): number => deadlineOf(data.receivedAt) - now()

  const mayAwaitHost = (job: StoredStem, { reason }: BusyHostError): boolean => reason === 'pause' || leftMs(job) > 0

  // What the provider has deleted comes back by no patience.
  const withinDeadline = (error: Error, job: Job<StemJob, StemResult>): Error => {
    if (!(error instanceof RetryableError) || leftMs(job) > 0) return error
    const reason = readFailure(error.message).message
    return toQueueError(new StemError('gone', 'never', `${reason} ${TOO_LATE}`))
  }

  const busyBackoffMs = (job: StoredStem, retryAfterMs?: number): number =>
    backoffMs(job.attemptsStarted, options.backoffMs, LONGEST_BUSY_WAIT_MS, retryAfterMs)

  // A host that is busy is no fault of the stem either. It waits for as long as the file lives.
  const awaitHost = (job: StoredStem, reason: BusyHostError, token?: string): Promise<never> => {
    const waitMs = busyBackoffMs(job, reason.retryAfterMs)
    return delay(job, reason, waitBefore(waitMs, leftMs(job)) ?? waitMs, token)
  }

  // A store that takes nothing is no fault of the stem: it waits, however long.
  const postpone = (job: StoredStem, reason: StemError, token?: string): Promise<never> =>
    delay(job, reason, backoffMs(job.attemptsStarted, options.backoffMs, LONGEST_STORE_WAIT_MS), token)

  // Spends no attempt. Why it waits is shown on the board.
  const delay = async (job: StoredStem, reason: Error, waitMs: number, token?: string): Promise<never> => {
    const row = `${new Date().toISOString()} ${reason.message} Next try in ${Math.ceil(waitMs / 1000)} s.`
    await queue.addJobLog(job.id as string, row, LOGS_PER_JOB).catch(() => {})
    await job.moveToDelayed(Date.now() + waitMs, token)
    throw new DelayedError()
  }

  const { worker, close } = createConsumer<StemJob, StemResult>({
    ...{ redis, prefix, log },
    queue: QUEUES.stems,
    process: attempt,
    options: {
      ...keepStems(),
      ...telling(options.telemetry),
      autorun: !options.startsPaused,
      concurrency: options.concurrency,
      settings: {
        backoffStrategy: (made, _type, error, job) => {
          const retryAfterMs = error instanceof RetryableError ? error.retryAfterMs : undefined
          const waitMs = backoffMs(made, options.backoffMs, LONGEST_BACKOFF_MS, retryAfterMs)
          return job ? (waitBefore(waitMs, leftMs(job as StoredStem)) ?? 0) : waitMs
        },
      },
    },
  })
  for (const event of ['active', 'completed', 'failed'] as const) worker.on(event, onActivity)
  const queue = limitOverAllWorkers(options)

  let ended = 0
  const trim = (): void => {
    const isDue = ended++ % TRIM_EVERY === 0
    if (isDue)
      trimSavedStems(redis, queue).catch((error: Error) => log.debug({ error: error.message }, 'stems.not_trimmed'))
  }
  trim()
  worker.on('completed', trim)

  return {
    /** Takes no new work; what runs goes on. */
    pause: () => worker.pause(true),
    /** Takes new work again, or for the first time. */
    resume: () => worker.resume(),
    /**
     * Takes no new work and waits for the downloads that run; those that have not ended after `drainMs` are aborted
     * and handed back. Safe to call twice.
     */
    close: async (drainMs: number) => {
      await close(drainMs)
      await queue.close()
    },
  }
}

type StoredStem = Job<StemJob, StemResult>

const TOO_LATE = `The ${KEPT_DAYS} days for which the provider keeps files are over, so that it is not tried again.`

// The stem is home whatever becomes of the word about it: it waits as it does for a store, and is not fetched again.
const refuseToEnd = (error: Error): never => {
  throw new StemError('store', 'later', `the stem is saved, but nobody could be told: ${error.message}.`, {
    cause: error,
  })
}

// The limit stands in Redis: the worker that started last has set it for all.
const limitOverAllWorkers = ({ redis, prefix, globalConcurrency, log }: StemsWorkerOptions) => {
  const queue = new Queue(QUEUES.stems, { connection: redis, prefix })
  queue.on('error', () => {})
  const set = globalConcurrency ? queue.setGlobalConcurrency(globalConcurrency) : queue.removeGlobalConcurrency()
  set.catch((error: Error) => log.warn({ error: error.message }, 'stems.global_concurrency_not_set'))
  return queue
}

// Progress is for eyes: at most twice a second, none of what is there at once, and a Redis that is away must not fail the download.
const progressOf = (job: Job, onActivity: () => void) => {
  let shownAt = Date.now()
  let isFollowed = false // who has seen some of it is to see it end
  return (bytes: number, total: number | null) => {
    onActivity()
    const now = Date.now()
    if (now - shownAt < PROGRESS_INTERVAL_MS && !(isFollowed && bytes === total)) return
    shownAt = now
    isFollowed = true
    job.updateProgress({ bytes, total }).catch(() => {})
  }
}
