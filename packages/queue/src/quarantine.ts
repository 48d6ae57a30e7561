import { createHash } from 'node:crypto'
import { redactLinks } from '@stems/domain/link'
import { type Separation, separationSchema } from '@stems/domain/separation'
import type { Job } from 'bullmq'
import pLimit from 'p-limit'
import { withDeadline } from './deadline.ts'
import { QUEUES, type QuarantineJob } from './jobs.ts'
import { openQueue, type QueueAccess } from './open-queue.ts'
import { type Bounds, createCapacityCheck } from './quarantine-bounds.ts'
import { askRedis, orQueueAway } from './queue-away-error.ts'
import { createReplicas } from './replicas.ts'
import { createSeal } from './seal.ts'
import type { SubmitAnswer } from './submit.ts'

export type QuarantineOptions = QueueAccess & Bounds

/** A payload in the quarantine. */
export type QuarantineEntry = QuarantineJob & { id: string }

/** How an entry is tried again. */
export type Release = {
  /** @throws when the payload cannot be read yet; the message becomes the reason */
  parse: (payload: unknown, receivedAt: string) => Separation
  submit: (separation: Separation) => Promise<SubmitAnswer>
  /** Has a callback that was not borne out compared once more; calls `onLeft` when the separation's job has it. */
  compareAgain: (separation: Separation, onLeft: () => Promise<void>) => Promise<void>
  /** Only entries of these tasks; all where it is left out. */
  taskIds?: string[] | undefined
}

/**
 * What has become of an entry: its separation is in the queue, or it stays, for this reason. What the provider's record did
 * not bear out stays unless its task is named: it is then compared once more.
 */
export type Released = { id: string; taskId: string } & (
  | { answer: SubmitAnswer }
  | { answer: 'unreadable' | 'unconfirmed'; reason: string }
)

const LONGEST_REASON = 1000 // a parser may complain about each of ten thousand fields

/**
 * Keeps verified payloads that this version cannot read, whole, until a later version can; and callbacks that the
 * provider's record does not bear out. They are waiting jobs of a queue without workers. What opens a link is sealed.
 */
export const createQuarantine = ({ redis, prefix, deadlineMs, ...bounds }: QuarantineOptions) => {
  const queue = openQueue<QuarantineJob>(redis, prefix, QUEUES.quarantine)
  const oneAtATime = pLimit(1)
  const hasCapacity = createCapacityCheck(redis, queue, bounds)
  const seal = createSeal(redis, prefix)
  const replicated = createReplicas(redis, prefix)

  const keepNow = async (entry: QuarantineJob, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    const payload = await seal.sealPayload(entry.payload)
    const kept = { ...entry, reason: wordsOf(entry.reason), payload }
    const id = idOf(kept)
    if (await hasCapacity(id, Buffer.byteLength(JSON.stringify(kept)))) await queue.add('payload', kept, { jobId: id })
  }

  const readPage = async (offset: number, length: number) => {
    const [total, ids] = await Promise.all([
      queue.getWaitingCount(),
      queue.getRanges(['waiting'], offset, offset + length - 1),
    ])
    const jobs = await Promise.all(ids.map((id) => queue.getJob(id)))
    return { total, entries: jobs.filter((job) => job !== undefined).map(toEntry) }
  }

  const idsOf = async (taskIds: string[] | undefined): Promise<string[]> => {
    const oldestFirst = await queue.getRanges(['waiting'], 0, -1, true)
    return taskIds ? oldestFirst.filter((id) => taskIds.some((taskId) => id.startsWith(idPrefix(taskId)))) : oldestFirst
  }

  const keepReason = async (job: Job<QuarantineJob>, reason: string): Promise<void> => {
    if (job.data.reason === reason) return
    await job.updateData({ ...job.data, reason }).catch((error: Error & { code?: number }) => {
      if (error.code !== MISSING_JOB) throw error // somebody else has released it meanwhile
    })
  }

  const openEntry = async (entry: QuarantineJob): Promise<QuarantineJob> => ({
    ...entry,
    payload: await ask(() => seal.openPayload(entry.payload)),
  })

  // It leaves its place when its separation's job has it, and before that job looks: when it is not borne out again, it must
  // find its place free.
  const compareAgain = async (job: Job<QuarantineJob>, again: Release['compareAgain']): Promise<SubmitAnswer> => {
    const { payload } = await openEntry(job.data)
    const leave = async () => void (await queue.remove(job.id as string))
    await orQueueAway(again(separationSchema.parse(payload), leave))
    return 'accepted'
  }

  const ask = <T>(work: () => Promise<T>): Promise<T> => askRedis(deadlineMs, work)

  return {
    /**
     * Keeps one payload. The same payload for the same task is kept once. Those that come at once to one process are let in
     * one after the other, so that only other processes can overshoot the bounds: by one entry each.
     *
     * @throws {QuarantineFullError} when a bound is reached
     * @throws {NotReplicatedError} when too few replicas have it
     * @throws when Redis did not acknowledge in time
     */
    keep: (entry: QuarantineJob): Promise<void> =>
      withDeadline('Redis', deadlineMs, (signal) => replicated(() => oneAtATime(keepNow, entry, signal))),
    /**
     * How many payloads it holds.
     *
     * @throws {QueueAwayError}
     */
    count: (): Promise<number> => ask(() => queue.getWaitingCount()),
    /**
     * A part of all entries, the newest first.
     *
     * @throws {QueueAwayError}
     */
    list: (offset: number, length: number): Promise<{ total: number; entries: QuarantineEntry[] }> =>
      ask(() => readPage(offset, length)),
    /**
     * Tries entries again, the oldest first, and tells what has become of each. One leaves only after its separation is in
     * the queue; when this ends between the two, or two do it at once, the separation is submitted twice, which is harmless.
     *
     * @throws {QueueAwayError} when Redis did not acknowledge in time; what is left stays
     */
    async *release({ parse, submit, compareAgain: again, taskIds }: Release): AsyncGenerator<Released> {
      for (const id of await ask(() => idsOf(taskIds))) {
        const job = await ask(() => queue.getJob(id))
        if (!job) continue // somebody else has released it meanwhile
        const { taskId, reason, kind } = job.data
        if (kind === 'unconfirmed') {
          if (!taskIds) yield { id, taskId, answer: 'unconfirmed', reason }
          else yield { id, taskId, answer: await compareAgain(job, again) }
          continue
        }
        const read = readEntry(await openEntry(job.data), parse)
        if ('reason' in read) {
          await ask(() => keepReason(job, read.reason))
          yield { id, taskId, answer: 'unreadable', reason: read.reason }
        } else {
          const answer = await orQueueAway(submit(read.separation))
          await ask(() => queue.remove(id))
          yield { id, taskId, answer }
        }
      }
    },
  }
}

export type Quarantine = ReturnType<typeof createQuarantine>

const MISSING_JOB = -1 // what BullMQ's scripts answer

const idPrefix = (taskId: string): string => `quarantine_${taskId}.`

const idOf = ({ taskId, payload }: QuarantineJob): string =>
  idPrefix(taskId) + createHash('sha256').update(JSON.stringify(payload)).digest('hex').slice(0, 16)

const toEntry = (job: Job<QuarantineJob>): QuarantineEntry => ({ ...job.data, id: job.id as string })

const readEntry = (
  { taskId, payload, receivedAt, isUnproven }: QuarantineJob,
  parse: Release['parse'],
): { separation: Separation } | { reason: string } => {
  try {
    const separation = parse(payload, receivedAt)
    // The task whose sender was verified must be the one that is worked on.
    if (separation.taskId !== taskId) return { reason: 'is read as one of another task' }
    return { separation: isUnproven ? { ...separation, isUnproven } : separation }
  } catch (error) {
    return { reason: wordsOf((error as Error).message) }
  }
}

const wordsOf = (reason: string): string => {
  const words = redactLinks(reason)
  return words.length > LONGEST_REASON ? `${words.slice(0, LONGEST_REASON - 1)}…` : words
}
