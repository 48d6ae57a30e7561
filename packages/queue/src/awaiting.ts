import { hasLinks, type Separation } from '@stems/domain/separation'
import type { Change } from './adoption.ts'
import type { Awaited, SeparationJob } from './jobs.ts'
import type { Seal } from './seal.ts'

/**
 * What became of a task that was registered.
 * - `told`: the provider says how it ended.
 * - `pending`: there is nothing to say yet; `problem`: why, in words for people; `isUnknown`: it knows no such task.
 * - `busy`: too many ask already; it was not asked for.
 * - `over`: nobody waits any longer; the separation says so.
 */
export type Told =
  | { kind: 'told'; separation: Separation }
  | { kind: 'pending'; problem?: string; isUnknown?: true }
  | { kind: 'busy' }
  | { kind: 'over'; separation: Separation }

/** How tasks whose callbacks do not come are brought to an end. */
export type Awaiting = {
  /** Between two questions, and before the first, in milliseconds. */
  everyMs: number
  /** Is there anybody who can be asked? */
  canAsk: boolean
  /** Asks what became of a task. */
  ask: (taskId: string, awaited: Awaited) => Promise<Told>
}

/** What the job of a registered task does next; `until` in milliseconds since 1970. */
export type Next = { kind: 'go_on' } | { kind: 'wait'; until: number } | { kind: 'over'; separation: Separation }

type AwaitedJob = SeparationJob & { awaited: Awaited }

const UNTIL_LOOKED_AGAIN_MS = 3600_000 // without anybody to ask, only a callback ends the wait
const BUSY_MS = { least: 1000, most: 5000 }

/**
 * One look of a registered task's own job: it asks, and either goes on with what it is told, or is to wait. The callback
 * wakes the job earlier, and one that brings links is not asked about any more.
 */
export const createAwait = (awaiting: Awaiting | undefined, seal: Seal['seal']) => {
  const goOn = async ({ awaited: _over, ...job }: AwaitedJob, more: Partial<SeparationJob>, change: Change) => {
    await change({ ...job, ...more, run: job.run + 1 }, [])
    return { kind: 'go_on' } as const
  }

  return async (job: AwaitedJob, change: Change): Promise<Next> => {
    const { awaited, separation } = job
    if (!awaiting) return { kind: 'wait', until: Date.now() + UNTIL_LOOKED_AGAIN_MS }
    const { everyMs, ask } = awaiting
    const first = Date.parse(awaited.since) + everyMs
    if (!awaited.heard && Date.now() < first) return { kind: 'wait', until: jittered(first, everyMs) }

    const told = await ask(separation.taskId, awaited)
    switch (told.kind) {
      case 'told': // by the provider itself, so that nobody needs to compare it
        return goOn(job, { separation: await seal(told.separation), confirmedBy: 'always' }, change)
      case 'over':
        if (awaited.heard && hasLinks(separation)) return goOn(job, {}, change)
        return awaited.heard ? { kind: 'over', separation } : told // it stays awaited: driving it again asks once more
      case 'busy':
        return { kind: 'wait', until: Date.now() + BUSY_MS.least + Math.random() * (BUSY_MS.most - BUSY_MS.least) }
      case 'pending': {
        const noted = note(awaited, told)
        if (JSON.stringify(noted) !== JSON.stringify(awaited)) await change({ ...job, awaited: noted }, [])
        return { kind: 'wait', until: jittered(Date.now() + everyMs, everyMs) }
      }
    }
  }
}

const note = ({ since, heard, unknownSince }: Awaited, told: Extract<Told, { kind: 'pending' }>): Awaited => ({
  since,
  ...(told.problem === undefined ? {} : { problem: told.problem }),
  ...(told.isUnknown ? { unknownSince: unknownSince ?? new Date().toISOString() } : {}),
  ...(heard ? { heard } : {}),
})

// Tasks that were registered together must not ask together for ever.
const jittered = (at: number, everyMs: number): number => Math.round(at + Math.random() * 0.2 * everyMs)
