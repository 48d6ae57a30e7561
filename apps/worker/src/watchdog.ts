import type { QueueCounter, WorkedQueue } from '@stems/queue/counts'
import type { Log } from '@stems/telemetry/log'
import { repeat } from '@stems/telemetry/repeat'

export type WatchdogOptions = {
  counter: Pick<QueueCounter, 'backlogs'>
  /** For how long jobs must have been waiting, and nothing been done about them. */
  stuckMs: number
  /** Queues that this process leaves alone for a good reason of its own. */
  isLeftAlone: (queue: WorkedQueue) => boolean
  log: Log
}

const LOOKS_PER_WINDOW = 8
const LONGEST_INTERVAL_MS = 5000

/** Looks again and again whether jobs wait while this process does nothing. */
export const createWatchdog = ({ counter, stuckMs, isLeftAlone, log }: WatchdogOptions) => {
  const idleSince = new Map<WorkedQueue, number>()
  let lookedAt = Number.NEGATIVE_INFINITY
  let stuck: string | undefined
  let looks: ReturnType<typeof repeat> | undefined

  const look = async (): Promise<void> => {
    const backlogs = await counter.backlogs().catch(() => undefined)
    const now = performance.now()
    // Redis is away, and a restart would not help. Or the last look was long ago: the process was paused, and so was its work.
    if (!backlogs || now - lookedAt > stuckMs / 2) idleSince.clear()
    lookedAt = now
    const reasons: string[] = []
    for (const { queue, waiting, isHeld } of backlogs ?? []) {
      const since = idleSince.get(queue) ?? now
      if (waiting === 0 || isHeld || isLeftAlone(queue)) idleSince.delete(queue)
      else idleSince.set(queue, since)
      if (!idleSince.has(queue) || now - since < stuckMs) continue
      reasons.push(
        `${jobs(waiting)} waiting in ${queue}, and none taken here for ${Math.floor((now - since) / 1000)} s`,
      )
    }
    report(reasons.length > 0 ? reasons.join('; ') : undefined)
  }

  const report = (reason: string | undefined): void => {
    if (reason && !stuck) log.error({ reason }, 'worker.stuck: /livez fails until it consumes again')
    if (!reason && stuck) log.info({}, 'worker.not_stuck')
    stuck = reason
  }

  return {
    start: (): void => {
      looks = repeat(Math.min(LONGEST_INTERVAL_MS, stuckMs / LOOKS_PER_WINDOW), look, () => {})
    },
    /** To be called whenever a job is started, goes on, or ends. */
    busy: (queue: WorkedQueue): void => void idleSince.delete(queue),
    /** Why the process should be restarted, as of the last look; `undefined` when it should not. */
    stuck: (): string | undefined => stuck,
    close: async (): Promise<void> => looks?.close(),
  }
}

const jobs = (count: number): string => (count === 1 ? '1 job is' : `${count} jobs are`)
