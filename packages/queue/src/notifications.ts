import { type Job, type JobState, type JobsOptions, Queue } from 'bullmq'
import { QUEUES } from './jobs.ts'
import { openQueue, type QueueAccess } from './open-queue.ts'
import { askRedis } from './queue-away-error.ts'
import type { SubmitterOptions } from './submit.ts'
import { telling } from './telemetry.ts'

/** What the user's own app is told. */
export type Notification = {
  /** The same for every repeat of one event, so that who receives it twice can tell. It holds no dot. */
  id: string
  type: string
  taskId: string
  stem?: string
  /** Exactly the bytes that are sent: every repeat must be the same to the last of them. */
  body: string
}

/** Data of a job in `notifications`; the job's id is the notification's. */
export type NotificationJob = Omit<Notification, 'id'> & {
  /** ISO time from which on the patience counts: of the announcement, or of the last time somebody had it sent again. */
  since: string
}

/** What a finished job in `notifications` returns: the status of the answer. */
export type NotificationResult = { status: number }

/** Options of a job in `notifications`. How long it is tried is a matter of time, and not of a number of attempts. */
const notificationJobOptions = (id: string): JobsOptions => ({
  jobId: id,
  attempts: 100_000,
  backoff: { type: 'custom' },
  stackTraceLimit: 1,
})

/**
 * The way of a notification into its queue.
 *
 * @param redis a patient connection; it stays the caller's to close
 */
export const createAnnouncer = ({ redis, prefix, telemetry }: Omit<SubmitterOptions, 'deadlineMs'>) => {
  const queue = new Queue<NotificationJob, NotificationResult>(QUEUES.notifications, {
    connection: redis,
    prefix,
    ...telling(telemetry),
  })
  queue.on('error', () => {}) // the connection reports its own outages
  return {
    /**
     * Announces an event. One whose id is known already changes nothing, whatever has become of it: its first body stays.
     *
     * @throws when Redis refuses; the event is to be announced again
     */
    announce: async ({ id, ...notification }: Notification): Promise<void> => {
      const since = new Date().toISOString()
      await queue.add(notification.type, { ...notification, since }, notificationJobOptions(id))
    },
  }
}

export type Announcer = ReturnType<typeof createAnnouncer>

export const NOTIFICATION_STATES = ['failed', 'waiting', 'delivered'] as const
export type NotificationState = (typeof NOTIFICATION_STATES)[number]

/** A notification as it stands. */
export type ListedNotification = {
  id: string
  type: string
  taskId: string
  stem: string | undefined
  /** `failed`: nobody tries any more. */
  state: NotificationState
  /** Attempts that have ended. */
  attempts: number
  /** ISO times; `endedAt` of the end, `nextTryAt` of an attempt to come. */
  announcedAt: string
  endedAt: string | undefined
  nextTryAt: string | undefined
  /** What the last attempt came to, in words for people. */
  lastAnswer: string | undefined
}

export type NotificationsPart = { counts: Record<NotificationState, number>; notifications: ListedNotification[] }

/** `again`: it is sent again, or now. `running`: it is about to be sent anyway. `unknown`: nobody remembers it. */
export type SendAgainAnswer = 'again' | 'running' | 'unknown'

/** A failed notification that is sent again. */
export type SentAgain = Pick<ListedNotification, 'id' | 'type' | 'taskId' | 'stem'>

type StoredJob = Job<NotificationJob, NotificationResult>

// The way a job goes, so that one that moves between two looks is rather seen twice than missed.
const PLACES = {
  failed: ['failed'],
  waiting: ['waiting', 'prioritized', 'delayed', 'active'],
  delivered: ['completed'],
} as const satisfies Record<NotificationState, JobState[]>

/** Looks at the notifications, and has them sent again. What looking costs does not grow with the queue. */
export const createNotifications = ({ redis, prefix, deadlineMs }: QueueAccess) => {
  const queue = openQueue<NotificationJob, NotificationResult>(redis, prefix, QUEUES.notifications)

  const countNow = async (): Promise<Record<string, number>> => queue.getJobCounts(...Object.values(PLACES).flat())

  const listNow = async (
    of: NotificationState | undefined,
    offset: number,
    length: number,
  ): Promise<NotificationsPart> => {
    const counts = await countNow()
    const places = (of ? [of] : NOTIFICATION_STATES).flatMap((state) =>
      PLACES[state].map((place) => ({ state, place })),
    )
    // The places one after the other are one long list; the part is cut out of it.
    const ranges = places.map(async ({ state, place }, index) => {
      const before = places.slice(0, index).reduce((sum, earlier) => sum + (counts[earlier.place] ?? 0), 0)
      const last = offset + length - 1 - before
      if (last < 0) return []
      const ids = await queue.getRanges([place], Math.max(0, offset - before), last)
      return Promise.all(ids.map((id) => readJob(id, state, place)))
    })
    const found = (await Promise.all(ranges)).flat().filter((one) => one !== undefined)
    const once = [...new Map(found.map((one) => [one.id, one])).values()].slice(0, length)
    return { counts: sumsOf(counts), notifications: once.sort(byStateAndAge) }
  }

  const readJob = async (
    id: string,
    state: NotificationState,
    place: JobState,
  ): Promise<ListedNotification | undefined> => {
    const job = await queue.getJob(id)
    if (!job?.data) return undefined
    return {
      ...nameOf(job),
      state,
      attempts: job.attemptsMade,
      announcedAt: new Date(job.timestamp).toISOString(),
      endedAt: job.finishedOn === undefined ? undefined : new Date(job.finishedOn).toISOString(),
      nextTryAt: place === 'delayed' ? await dueAt(id) : undefined,
      lastAnswer: job.returnvalue ? `answered ${job.returnvalue.status}.` : job.failedReason || undefined,
    }
  }

  // The place of a delayed job: when it is due, and 12 bits for those of one millisecond.
  const dueAt = async (id: string): Promise<string | undefined> => {
    const score = await redis.zscore(queue.toKey('delayed'), id)
    return score === null ? undefined : new Date(Math.floor(Number(score) / 4096)).toISOString()
  }

  const sendAgainNow = async (id: string): Promise<SendAgainAnswer> => {
    const job = await queue.getJob(id)
    const state = await job?.getState()
    if (!job || state === 'unknown') return 'unknown'
    try {
      if (state === 'delayed') await job.promote()
      else if (state === 'failed' || state === 'completed') {
        await job.updateData({ ...job.data, since: new Date().toISOString() })
        await job.retry(state, { resetAttemptsMade: true })
      } else return 'running'
    } catch (error) {
      if (typeof (error as { code?: number }).code === 'number') return 'running' // somebody else was quicker
      throw error
    }
    return 'again'
  }

  const ask = <T>(work: () => Promise<T>): Promise<T> => askRedis(deadlineMs, work)

  return {
    /**
     * A part of all notifications: those that failed, then those that wait, then those that were delivered. Within the part
     * the newest of each come first.
     *
     * @param of only those in this state
     * @throws {QueueAwayError}
     */
    list: (of: NotificationState | undefined, offset: number, length: number): Promise<NotificationsPart> =>
      ask(() => listNow(of, offset, length)),
    /**
     * Sends one again, whatever has become of it: the patience begins anew. One that waits for its next try is sent now.
     *
     * @throws {QueueAwayError}
     */
    sendAgain: (id: string): Promise<SendAgainAnswer> => ask(() => sendAgainNow(id)),
    /**
     * Sends all again that failed, the oldest first.
     *
     * @param taskIds only those of these tasks
     * @throws {QueueAwayError} those that were told of until then are sent again
     */
    async *sendFailedAgain(taskIds?: string[]): AsyncGenerator<SentAgain> {
      for (const id of await ask(() => queue.getRanges(['failed'], 0, -1, true))) {
        const job = await ask(() => queue.getJob(id))
        if (!job?.data || (taskIds && !taskIds.includes(job.data.taskId))) continue
        if ((await ask(() => sendAgainNow(id))) === 'again') yield nameOf(job)
      }
    },
  }
}

export type Notifications = ReturnType<typeof createNotifications>

const nameOf = ({ id, data: { type, taskId, stem } }: StoredJob): SentAgain => ({
  id: id as string,
  type,
  taskId,
  stem,
})

const sumsOf = (counts: Record<string, number>): Record<NotificationState, number> => {
  const sum = (state: NotificationState) => PLACES[state].reduce((total, place) => total + (counts[place] ?? 0), 0)
  return { failed: sum('failed'), waiting: sum('waiting'), delivered: sum('delivered') }
}

/** What failed before what waits, that before what was delivered; of each the newest first. */
export const byStateAndAge = (a: ListedNotification, b: ListedNotification): number =>
  NOTIFICATION_STATES.indexOf(a.state) - NOTIFICATION_STATES.indexOf(b.state) ||
  Date.parse(b.announcedAt) - Date.parse(a.announcedAt)
