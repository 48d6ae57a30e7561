import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasLinks, isNews, type Separation } from '@stems/domain/separation'
import { type IRedisTransaction, Job, Queue, SpanKind, TelemetryAttributes } from 'bullmq'
import type { ChainableCommander } from 'ioredis'
import { withDeadline } from './deadline.ts'
import { execAll } from './exec.ts'
import { QUEUES, type SeparationJob, type SeparationResult, separationJobId, separationJobOptions } from './jobs.ts'
import { createLibraryIndex, type LibraryIndex } from './library-index.ts'
import type { QueueAccess } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'
import { createReplicas } from './replicas.ts'
import { createResentBox, REGISTERED, type ResentBox } from './resent.ts'
import { createSeal, type Seal } from './seal.ts'
import { type Telemetry, telling } from './telemetry.ts'

/** `accepted`: there is work to do. `duplicate`: all that the callback says is known already. */
export type SubmitAnswer = 'accepted' | 'duplicate'

/** What the queue knows of a separation; `unknown`: nothing. */
export type SeparationState = 'running' | 'ended' | 'unknown'

/** `driven`: it is running again. `running`: it has not ended yet. `unknown`: neither the queue nor the store knows it. */
export type ReplayAnswer = 'driven' | 'running' | 'unknown'

/** `known`: there is nothing to wait for; its callback has arrived already, or all of it is stored. */
export type ExpectAnswer = 'expected' | 'known'

export type SubmitterOptions = QueueAccess & {
  /** Traces what is added. */
  telemetry?: Telemetry | undefined
}

const JOB_NAME = 'separation'
const UNTIL_LOOKED_AGAIN_MS = 20
const RECONNECT_MS = 1000

/**
 * Adds separations to the queue, and runs ended ones again. When {@link Submitter.submit} has returned, Redis has it.
 */
export const createSubmitter = ({ redis, prefix, deadlineMs, telemetry }: SubmitterOptions) => {
  const queue = new Queue<SeparationJob, SeparationResult>(QUEUES.separations, {
    connection: redis,
    prefix,
    // Both, or this queue refuses for ever when Redis is disconnected at the start.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    ...telling(telemetry),
  })
  queue.on('error', () => {}) // the connection reports its own outages
  const { seal } = createSeal(redis, prefix)
  const replicated = createReplicas(redis, prefix)
  const context: Context = {
    ...{ redis, queue, replicated, seal },
    inbox: createResentBox(redis, prefix),
    index: createLibraryIndex(redis, prefix),
  }
  const within = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => withDeadline('Redis', deadlineMs, work)

  return {
    /**
     * Makes the job of a separation, or runs an ended one again.
     *
     * @throws {NotReplicatedError} when too few replicas have it
     * @throws when Redis did not acknowledge in time; the job may exist nevertheless, and submitting again is harmless
     */
    submit: (separation: Separation): Promise<SubmitAnswer> =>
      within((signal) => replicated(async () => submit(context, await seal(separation), signal))),
    /**
     * Registers a task that was paid for: if its callback does not arrive, its job asks the provider what became of it. One
     * that was given up, or of which nothing is stored, is asked for once more.
     *
     * @param isStored is asked when the queue has forgotten the task: is all of it in the store?
     * @throws as `submit` does
     */
    expect: (taskId: string, isStored: () => Promise<boolean> = async () => false): Promise<ExpectAnswer> =>
      within((signal) => replicated(() => expectTask(context, taskId, isStored, signal))),
    /**
     * Runs an ended separation again, however it ended. Stored stems are verified and not downloaded again.
     *
     * @param remembered where the separation comes from when the queue has forgotten it
     * @throws as `submit` does
     */
    replay: (taskId: string, remembered: () => Promise<Separation | undefined>): Promise<ReplayAnswer> =>
      within((signal) => replicated(() => replay(context, taskId, remembered, signal))),
    /**
     * Runs a separation with a callback from the quarantine, whatever is known of it.
     *
     * @param onPut is called when the callback is in the inbox of the separation's job, before the job reads it
     * @throws as `submit` does
     */
    compareAgain: (separation: Separation, onPut: () => Promise<void>): Promise<void> =>
      within(async (signal) => runAgain(context, await seal(separation), signal, onPut)),
    /** @throws as `submit` does */
    stateOf: (taskId: string): Promise<SeparationState> => within(() => stateOf(context, taskId)),
  }
}

export type Submitter = ReturnType<typeof createSubmitter>

type Context = {
  redis: RedisConnection
  queue: Queue<SeparationJob, SeparationResult>
  replicated: ReturnType<typeof createReplicas>
  seal: Seal['seal']
  inbox: ResentBox
  index: LibraryIndex
}

type StoredJob = Job<SeparationJob, SeparationResult>

const submit = async (context: Context, separation: Separation, signal: AbortSignal): Promise<SubmitAnswer> => {
  signal.throwIfAborted()
  if (await addJob(context, 'waiting', { separation, run: Date.now() })) return 'accepted'
  const stored = await context.queue.getJob(separationJobId(separation.taskId))
  if (!stored) return submit(context, separation, signal) // removed between the two commands, and this with it
  if (!(await saysSomethingNew(context, stored, separation))) return 'duplicate'
  await runAgain(context, separation, signal)
  return 'accepted'
}

/**
 * One transaction: is the job there already, the index entry where it is not, and the job, which changes nothing where it is.
 *
 * @returns whether this call made the job; the index never decides that
 */
const addJob = (context: Context, status: 'waiting' | 'expected', data: SeparationJob): Promise<boolean> =>
  addJobOnce(context, status, data).catch((error: Error) => {
    if (!error.message.startsWith('NOSCRIPT')) throw error
    return addJobAgain(context, status, data)
  })

const addJobOnce = async (
  { queue, index }: Context,
  status: 'waiting' | 'expected',
  data: SeparationJob,
): Promise<boolean> =>
  queue.trace(SpanKind.PRODUCER, 'add', `${QUEUES.separations}.${JOB_NAME}`, async (span, trace) => {
    const { taskId, receivedAt } = data.separation
    const id = separationJobId(taskId)
    const options = { ...separationJobOptions(taskId), ...(trace ? { telemetry: { metadata: trace } } : {}) }
    const transaction = (await queue.backend.client).multi() as IRedisTransaction & ChainableCommander
    transaction.exists(queue.toKey(id))
    index.addWithJob(transaction, { taskId, receivedAt, status }, queue.toKey(id))
    await new Job(queue, JOB_NAME, data, options, id).addJob(transaction)
    span?.setAttributes({ [TelemetryAttributes.JobName]: JOB_NAME, [TelemetryAttributes.JobId]: id })
    const [wasThere] = await execAll(transaction)
    return wasThere === 0
  })

// In a transaction the client sends the scripts that Redis has forgotten again only on a new connection.
const addJobAgain = async (context: Context, status: 'waiting' | 'expected', data: SeparationJob): Promise<boolean> => {
  const reconnected = once(context.redis, 'ready', { signal: AbortSignal.timeout(RECONNECT_MS) })
  context.redis.disconnect(true)
  await reconnected
  return addJobOnce(context, status, data)
}

// Is there a stem in the callback that is not stored yet, and may be?
const saysSomethingNew = async (context: Context, stored: StoredJob, separation: Separation): Promise<boolean> => {
  if (stored.data.awaited) return true
  const state = await stored.getState()
  if (state === 'failed') return true
  if (state === 'unknown') return true // it is being removed with all that is stored of it
  const end = state === 'completed' ? await resultOf(context, stored) : undefined
  if (end && end.status !== 'complete') return true
  return isNews(stored.data.separation, separation, new Set(end?.saved))
}

// A job that was read before it ended has no result yet.
const resultOf = async ({ queue }: Context, stored: StoredJob): Promise<SeparationResult | undefined> =>
  stored.returnvalue ?? (await queue.getJob(stored.id as string))?.returnvalue

// The trace goes along: a job keeps the one in which it was made, so a later run has to be given its own.
const putIntoInbox = async ({ queue, inbox }: Context, separation: Separation, nonce: string): Promise<void> =>
  queue.trace(SpanKind.PRODUCER, 'leave', QUEUES.separations, (_, trace) => inbox.put(separation, nonce, trace))

/** Puts a callback into the inbox of the task's job, and makes sure that the job reads it. */
const runAgain = async (
  context: Context,
  separation: Separation,
  signal: AbortSignal,
  onPut: () => Promise<void> = async () => {},
): Promise<void> => {
  const { taskId } = separation
  const nonce = contentOf(separation)
  await context.replicated(() => putIntoInbox(context, separation, nonce))
  await onPut()
  for (;;) {
    signal.throwIfAborted()
    const job = await context.queue.getJob(separationJobId(taskId))
    if (!job) {
      await submit(context, separation, signal)
      return
    }
    if (await isCertainToRead(context, job, nonce)) return
    // An active job may have read its inbox already, and may end any moment.
    await sleep(UNTIL_LOOKED_AGAIN_MS, undefined, { signal })
  }
}

/** Moves the job so that it reads its inbox, where it has to be moved. Is it certain that it will, or has read it? */
const isCertainToRead = async ({ queue, inbox, index }: Context, job: StoredJob, nonce: string): Promise<boolean> => {
  const { taskId, receivedAt } = job.data.separation
  const state = await job.getState()
  switch (state) {
    case 'active':
    case 'unknown':
      return false
    case 'delayed':
      return job.data.awaited ? isDone(job.promote()) : true // a registered task waited for this callback
    case 'completed':
      if (!(await inbox.has(taskId, nonce)) && (await queue.getJobState(job.id as string)) === 'completed') return true
      break
    case 'failed':
      break
    default:
      return true
  }
  // Before the job moves, so that what its worker sets comes later.
  const moved = index.move({ taskId, receivedAt, status: 'waiting' })
  // Atomic in Redis: of two callbacks one runs the job again, and the other looks once more.
  const [isRetried] = await Promise.all([isDone(job.retry(state, { resetAttemptsMade: true })), moved])
  return isRetried
}

// The same job that a callback would make, so that there is nothing to merge when the callback arrives.
const expectTask = async (
  context: Context,
  taskId: string,
  isStored: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<ExpectAnswer> => {
  signal.throwIfAborted()
  if ((await stateOf(context, taskId)) === 'unknown' && (await isStored())) return 'known'
  const since = new Date().toISOString()
  const separation: Separation = { taskId, type: 'unknown', code: 200, msg: '', receivedAt: since, stems: [] }
  if (await addJob(context, 'expected', { separation, run: Date.now(), awaited: { since } })) return 'expected'
  const stored = await context.queue.getJob(separationJobId(taskId))
  if (!stored) return expectTask(context, taskId, isStored, signal)
  const state = await stored.getState()
  const hasEnded = state === 'completed' || state === 'failed'
  if (!stored.data.awaited && !(hasEnded && nothingStored(stored))) return 'known'
  if (!hasEnded) return 'expected'
  // Nothing is stored of it, or it was given up: the provider is asked again.
  await putIntoInbox(context, separation, REGISTERED)
  await context.index.move({ taskId, receivedAt: since, status: 'expected' })
  await isDone(stored.retry(state, { resetAttemptsMade: true }))
  return 'expected'
}

const nothingStored = ({ returnvalue }: StoredJob): boolean => (returnvalue?.saved ?? []).length === 0

const stateOf = async ({ queue }: Context, taskId: string): Promise<SeparationState> => {
  const state = await queue.getJobState(separationJobId(taskId))
  if (state === 'unknown') return 'unknown'
  return state === 'completed' || state === 'failed' ? 'ended' : 'running'
}

const replay = async (
  context: Context,
  taskId: string,
  remembered: () => Promise<Separation | undefined>,
  signal: AbortSignal,
): Promise<ReplayAnswer> => {
  if ((await stateOf(context, taskId)) === 'running') return 'running'
  const job = await context.queue.getJob(separationJobId(taskId))
  if (job && (job.data.awaited || !hasLinks(job.data.separation))) {
    await expectTask(context, taskId, async () => false, signal) // it has no link to download from, so the provider is asked
    return 'driven'
  }
  const separation = job?.data.separation ?? (await remembered().then((found) => found && context.seal(found)))
  if (!separation) return 'unknown'
  await runAgain(context, separation, signal)
  return 'driven'
}

// The same content needs one place in the inbox, however often it is sent.
const contentOf = ({ receivedAt: _when, ...said }: Separation): string =>
  createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 32)

// Redis refuses when the job has moved on already. Then another was quicker, and it is to be looked at again.
const isDone = (move: Promise<unknown>): Promise<boolean> =>
  move.then(
    () => true,
    (error: Error & { code?: number }) => (typeof error.code === 'number' ? false : Promise.reject(error)),
  )
