import type { Backlog, WorkedQueue } from '@stems/queue/counts'

/**
 * Judges whether this process looks alive and consumes nothing. Time comes from outside, in milliseconds that never go
 * back.
 *
 * @param stuckMs for how long jobs must have been waiting, and nothing been done about them
 */
export const createStuckJudge = (stuckMs: number) => {
  const busyAt = new Map<WorkedQueue, number>()
  const waitingSince = new Map<WorkedQueue, { at: number; waiting: number }>()
  let lookedAt = Number.NEGATIVE_INFINITY
  let verdict: string | undefined

  const judge = (queue: WorkedQueue, now: number): string | undefined => {
    const since = waitingSince.get(queue)
    if (!since) return undefined
    const idleMs = now - Math.max(since.at, busyAt.get(queue) ?? since.at)
    if (idleMs < stuckMs) return undefined
    return `${jobs(since.waiting)} waiting in ${queue}, and none taken here for ${Math.floor(idleMs / 1000)} s`
  }

  return {
    /** A job of the queue was started, went on, or ended. */
    busy: (queue: WorkedQueue, now: number): void => void busyAt.set(queue, now),
    /**
     * Takes in what waits. A queue whose backlog is held has a good reason to stand still.
     *
     * @param backlogs `undefined` when nobody knows, Redis being away: a restart would not help
     */
    look: (backlogs: readonly Backlog[] | undefined, now: number): void => {
      // Nobody looked for long: the process was paused, and so was its work. What was seen before says nothing.
      if (!backlogs || now - lookedAt > stuckMs / 2) waitingSince.clear()
      lookedAt = now
      for (const { queue, waiting, isHeld } of backlogs ?? []) {
        if (waiting === 0 || isHeld) waitingSince.delete(queue)
        else waitingSince.set(queue, { at: waitingSince.get(queue)?.at ?? now, waiting })
      }
      const reasons = [...waitingSince.keys()]
        .map((queue) => judge(queue, now))
        .filter((reason) => reason !== undefined)
      verdict = reasons.length > 0 ? reasons.join('; ') : undefined
    },
    /** Why the process should be restarted, as of the last look; `undefined` when it should not. */
    verdict: (): string | undefined => verdict,
  }
}

const jobs = (count: number): string => (count === 1 ? '1 job is' : `${count} jobs are`)
