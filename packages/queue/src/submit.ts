import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasLinks, isNews, type Separation } from '@stems/domain/separation'
import { Job, Queue, SpanKind, TelemetryAttributes } from 'bullmq'
import { withDeadline } from './deadline.ts'
import { QUEUES, type SeparationJob, type SeparationResult, separationJobId, separationJobOptions } from './jobs.ts'
import { createLibraryNotes } from './library-notes.ts'
import { isDone } from './move.ts'
import { sendInOneWrite } from './one-write.ts'
import type { RedisConnection } from './redis.ts'
import { createReplicas } from './replicas.ts'
import { createResentBox, REGISTERED } from './resent.ts'
import { createSeal } from './seal.ts'
import { type Telemetry, telling } from './telemetry.ts'

/** `accepted`: there is work to do. `duplicate`: all that the callback says is known already. */
export type SubmitAnswer = 'accepted' | 'duplicate'

const JOB_NAME = 'separation'

type StoredJob = Job<SeparationJob, SeparationResult>

/**
 * The way of a separation into the queue. When {@link Submitter.submit} has returned, Redis has it.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 * @param deadlineMs after which a submit that Redis has not acknowledged is given up
 * @param telemetry is told of what is added, and whose trace a job goes on
 */
export const createSubmitter = ({
  redis,
  prefix,
  deadlineMs,
  telemetry,
}: {
  redis: RedisConnection
  prefix: string
  deadlineMs: number
  telemetry?: Telemetry | undefined
}) => {
  const queue = new Queue<SeparationJob, SeparationResult>(QUEUES.separations, {
    connection: redis,
    prefix,
    // Both, or a Redis that is away at start makes this queue refuse for ever.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    ...telling(telemetry),
  })
  queue.on('error', () => {}) // the connection reports its own outages
  const resent = createResentBox(redis, prefix)
  const { seal } = createSeal(redis, prefix)
  const replicated = createReplicas(redis, prefix)
  const library = createLibraryNotes(redis, prefix)

  const submitNow = async (separation: Separation, signal: AbortSignal): Promise<SubmitAnswer> => {
    signal.throwIfAborted()
    const nonce = randomUUID()
    if (await addListed('waiting', { separation, nonce, run: Date.now() })) return 'accepted'
    const stored = await queue.getJob(separationJobId(separation.taskId))
    if (!stored) return submitNow(separation, signal) // forgotten between the commands, and this with it
    if (stored.data.nonce === nonce) return 'accepted' // Redis had to be sent the script that adds, so that the look came first
    return answerRepeat(stored, separation, signal)
  }

  // Queue.add() sends its command some steps later; this sends it before the note, so that one answer tells of both.
  const addListed = async (status: 'waiting' | 'expected', data: SeparationJob): Promise<boolean> =>
    queue.trace(SpanKind.PRODUCER, 'add', `${QUEUES.separations}.${JOB_NAME}`, async (span, trace) => {
      const { separation, nonce } = data
      const { taskId, receivedAt } = separation
      const options = { ...separationJobOptions(taskId), ...(trace ? { telemetry: { metadata: trace } } : {}) }
      const id = separationJobId(taskId)
      const client = await queue.backend.client
      const noted = library.addMade(taskId, receivedAt, status, { jobKey: queue.toKey(id), nonce })
      sendInOneWrite(redis)
      const job = new Job(queue, JOB_NAME, data, options, id)
      const [isMade] = await Promise.all([noted, job.addJob(client)])
      span?.setAttributes({ [TelemetryAttributes.JobName]: JOB_NAME, [TelemetryAttributes.JobId]: id })
      return isMade
    })

  // A job for this task is there. Drive it again where that can bring home a stem that is not home yet.
  const answerRepeat = async (
    stored: StoredJob,
    separation: Separation,
    signal: AbortSignal,
  ): Promise<SubmitAnswer> => {
    if (!(await isWorthDriving(stored, separation))) return 'duplicate'
    await driveAgain(separation, signal)
    return 'accepted'
  }

  const isWorthDriving = async (stored: StoredJob, separation: Separation): Promise<boolean> => {
    if (stored.data.awaited) return true
    const state = await stored.getState()
    if (state === 'failed') return true
    if (state === 'unknown') return true // it is being taken away with all that it saved
    const end = await endOf(stored, state === 'completed')
    if (end && end.status !== 'complete') return true
    return isNews(stored.data.separation, separation, new Set((end ?? stored.returnvalue)?.saved))
  }

  // A job that is driven only to look at its manifest once more has ended before, and will end in the same way.
  const endOf = async (stored: StoredJob, isCompleted: boolean): Promise<SeparationResult | undefined> => {
    const { taskId } = stored.data.separation
    if (!isCompleted) {
      const end = await resent.endOf(taskId, stored.data.run)
      if (end || (await queue.getJobState(separationJobId(taskId))) !== 'completed') return end
    } else if (stored.returnvalue) return stored.returnvalue
    return (await queue.getJob(separationJobId(taskId)))?.returnvalue // it has ended since it was read
  }

  // A job keeps the trace in which it was made, so that who drives it again hands over the new one with what he says.
  const leave = async (separation: Separation, nonce: string): Promise<void> =>
    queue.trace(SpanKind.PRODUCER, 'leave', QUEUES.separations, (_, trace) => resent.put(separation, nonce, trace))

  /** Leaves the separation for the task's job, and sees to it that the job will look. */
  const driveAgain = async (
    separation: Separation,
    signal: AbortSignal,
    onLeft: () => Promise<void> = async () => {},
  ): Promise<void> => {
    const nonce = contentOf(separation)
    await replicated(() => leave(separation, nonce))
    await onLeft()
    for (;;) {
      signal.throwIfAborted()
      const job = await queue.getJob(separationJobId(separation.taskId))
      if (!job) {
        await submitNow(separation, signal)
        return
      }
      const state = await job.getState()
      // Whoever forgets a separation empties its box too, when its job is in no state any more.
      const isTaken = state === 'completed' && !(await resent.has(separation.taskId, nonce))
      if (isTaken && (await job.getState()) === 'completed') return // and done
      if (state === 'completed' || state === 'failed') {
        // Before it moves, so that what its worker notes comes later. Where somebody else was quicker, its worker's note is still to come.
        const { receivedAt } = job.data.separation
        const noted = library.move(separation.taskId, receivedAt, 'waiting')
        // Atomic in Redis: of two callbacks one drives the job, the other finds it driven and looks again.
        const [isDriven] = await Promise.all([isDone(job.retry(state, { resetAttemptsMade: true })), noted])
        if (isDriven) return
      } else if (state === 'delayed' && job.data.awaited) {
        if (await isDone(job.promote())) return // it waited for this very callback
      } else if (state !== 'active' && state !== 'unknown') {
        return // it will look into the box when its turn comes
      }
      // An active job may have looked already, and may end any moment: wait until that is certain.
      await sleep(20, undefined, { signal })
    }
  }

  // The same job that a callback would make, so that there is nothing to bring together when the callback comes.
  const expectNow = async (
    taskId: string,
    signal: AbortSignal,
    isHome: () => Promise<boolean> = async () => false,
  ): Promise<ExpectAnswer> => {
    signal.throwIfAborted()
    if ((await stateOf(taskId)) === 'unknown' && (await isHome())) return 'known'
    const nonce = randomUUID()
    const since = new Date().toISOString()
    const separation: Separation = { taskId, type: 'unknown', code: 200, msg: '', receivedAt: since, stems: [] }
    const data = { separation, nonce, run: Date.now(), awaited: { since } }
    if (await addListed('expected', data)) return 'expected'
    const stored = await queue.getJob(separationJobId(taskId))
    if (!stored) return expectNow(taskId, signal, isHome)
    if (stored.data.nonce === nonce) return 'expected'
    const state = await stored.getState()
    const hasEnded = state === 'completed' || state === 'failed'
    const isUnderWay = !hasEnded || (stored.returnvalue?.saved ?? []).length > 0
    if (!stored.data.awaited && isUnderWay) return 'known'
    if (!hasEnded) return 'expected'
    // What was said of it has brought nothing home, or was never said: the provider is asked.
    await leave(separation, REGISTERED)
    await library.move(taskId, since, 'expected')
    await isDone(stored.retry(state, { resetAttemptsMade: true }))
    return 'expected'
  }

  const stateOf = async (taskId: string): Promise<SeparationState> => {
    const state = await queue.getJobState(separationJobId(taskId))
    if (state === 'unknown') return 'unknown'
    return state === 'completed' || state === 'failed' ? 'ended' : 'running'
  }

  const sealed = async (remembered: () => Promise<Separation | undefined>): Promise<Separation | undefined> => {
    const separation = await remembered()
    return separation && seal(separation)
  }

  const replayNow = async (
    taskId: string,
    remembered: () => Promise<Separation | undefined>,
    signal: AbortSignal,
  ): Promise<ReplayAnswer> => {
    if ((await stateOf(taskId)) === 'running') return 'running'
    const job = await queue.getJob(separationJobId(taskId))
    if (job && (job.data.awaited || !hasLinks(job.data.separation))) {
      await expectNow(taskId, signal) // there is nothing that could be driven: it is asked for
      return 'driven'
    }
    const separation = job?.data.separation ?? (await sealed(remembered))
    if (!separation) return 'unknown'
    await driveAgain(separation, signal)
    return 'driven'
  }

  return {
    /**
     * Makes the job of a separation, or drives an ended one again.
     *
     * @throws {NotReplicatedError} when too few replicas have it
     * @throws when Redis did not acknowledge in time; the job may exist nevertheless, and submitting again is harmless
     */
    submit: (separation: Separation): Promise<SubmitAnswer> =>
      withDeadline('Redis', deadlineMs, (signal) => replicated(async () => submitNow(await seal(separation), signal))),
    /**
     * Registers a task that was paid for: if its callback does not come, its job finds out by itself what became of it. One
     * that was given up, or brought nothing home, is asked for once more.
     *
     * @param isHome is asked when the queue has forgotten the task: is it whole in the store?
     *
     * @throws as `submit` does
     */
    expect: (taskId: string, isHome?: () => Promise<boolean>): Promise<ExpectAnswer> =>
      withDeadline('Redis', deadlineMs, (signal) => replicated(() => expectNow(taskId, signal, isHome))),
    /**
     * Drives an ended separation again, whatever its end was. Stems that are home are checked and not fetched again.
     *
     * @param remembered where the separation comes from when the queue has forgotten it
     * @throws as `submit` does
     */
    replay: (taskId: string, remembered: () => Promise<Separation | undefined>): Promise<ReplayAnswer> =>
      withDeadline('Redis', deadlineMs, (signal) => replicated(() => replayNow(taskId, remembered, signal))),
    /**
     * Drives a separation with a callback that was set aside, whatever is known of it.
     *
     * @param onLeft is called when the callback lies where the separation's job will find it, before the job looks
     * @throws as `submit` does
     */
    compareAgain: (separation: Separation, onLeft: () => Promise<void>): Promise<void> =>
      withDeadline('Redis', deadlineMs, async (signal) => driveAgain(await seal(separation), signal, onLeft)),
    /** @throws as `submit` does */
    stateOf: (taskId: string): Promise<SeparationState> => withDeadline('Redis', deadlineMs, () => stateOf(taskId)),
    close: () => queue.close(),
  }
}

/** What the queue knows of a separation; `unknown`: nothing. */
export type SeparationState = 'running' | 'ended' | 'unknown'

/** `driven`: it is being worked on again. `running`: it has not ended yet. `unknown`: nobody remembers it. */
export type ReplayAnswer = 'driven' | 'running' | 'unknown'

/** `known`: there is nothing to wait for; its callback has come already, or it is home. */
export type ExpectAnswer = 'expected' | 'known'

export type Submitter = ReturnType<typeof createSubmitter>

/** What a submitter does for one task. */
export type TaskSubmitter = Omit<Submitter, 'close'>

// The same words said twice need one place in the box, however often they come.
const contentOf = ({ receivedAt: _when, ...said }: Separation): string =>
  createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 32)
