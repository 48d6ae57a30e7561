import type { QueueCounter, WorkedQueue } from '@stems/queue/counts'
import type { Log } from '@stems/telemetry/log'
import { createStuckJudge } from './stuck-judge.ts'

export type WatchdogOptions = {
  counter: Pick<QueueCounter, 'backlogs'>
  stuckMs: number
  /** Queues that this process leaves alone for a good reason of its own. */
  isLeftAlone: (queue: WorkedQueue) => boolean
  log: Log
}

const LOOKS_PER_WINDOW = 8
const LONGEST_INTERVAL_MS = 5000

/** Looks again and again whether jobs wait while this process does nothing. */
export const createWatchdog = ({ counter, stuckMs, isLeftAlone, log }: WatchdogOptions) => {
  const judge = createStuckJudge(stuckMs)
  const intervalMs = Math.min(LONGEST_INTERVAL_MS, stuckMs / LOOKS_PER_WINDOW)
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  const look = async (): Promise<void> => {
    const before = judge.verdict()
    const backlogs = await counter.backlogs().catch(() => undefined)
    const seen = backlogs?.map((backlog) => ({ ...backlog, isHeld: backlog.isHeld || isLeftAlone(backlog.queue) }))
    judge.look(seen, performance.now())
    const reason = judge.verdict()
    if (reason && !before) log.error({ reason }, 'worker.stuck: /livez fails until it consumes again')
    if (!reason && before) log.info({}, 'worker.not_stuck')
    if (isClosed) return
    timer = setTimeout(look, intervalMs)
    timer.unref()
  }

  return {
    start: (): void => void look(),
    /** To be called whenever a job is started, goes on, or ends. */
    busy: (queue: WorkedQueue): void => judge.busy(queue, performance.now()),
    /** Why the process should be restarted; `undefined` when it should not. */
    stuck: (): string | undefined => judge.verdict(),
    close: () => {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

export type Watchdog = ReturnType<typeof createWatchdog>
