import type { Separation } from '@stems/domain/separation'
import type { Change } from './adoption.ts'
import type { Awaited, SeparationJob } from './jobs.ts'

/**
 * What became of a task that was registered.
 * - `told`: the provider says how it ended.
 * - `pending`: there is nothing to say yet; `problem`: because nobody could be asked, in words for people.
 * - `busy`: too many ask already; it was not asked for.
 * - `over`: nobody waits any longer; the separation says so.
 */
export type Told =
  | { kind: 'told'; separation: Separation }
  | { kind: 'pending'; problem?: string }
  | { kind: 'busy' }
  | { kind: 'over'; separation: Separation }

/** How tasks whose callbacks do not come are brought to an end. */
export type Awaiting = {
  /** Between two questions, and before the first, in milliseconds. */
  everyMs: number
  /** Asks what became of a task. `since`: ISO time at which it was registered. */
  ask: (taskId: string, since: string) => Promise<Told>
}

/** What the job of a registered task does next; `until` in milliseconds since 1970. */
export type Next = { kind: 'go_on' } | { kind: 'wait'; until: number } | { kind: 'over'; separation: Separation }

const UNTIL_ASKED_AGAIN_MS = 3600_000 // without anybody to ask, only a callback ends the wait

/**
 * One look of a registered task's own job: it asks, and either goes on with what it is told, or is to wait. The callback
 * wakes the job earlier, and then it is not asked for any more.
 */
export const createAwait =
  ({ awaiting, seal }: { awaiting: Awaiting | undefined; seal: (separation: Separation) => Promise<Separation> }) =>
  async (job: SeparationJob & { awaited: Awaited }, change: Change): Promise<Next> => {
    const { awaited, ...data } = job
    const now = Date.now()
    if (!awaiting) return { kind: 'wait', until: now + UNTIL_ASKED_AGAIN_MS }
    const first = Date.parse(awaited.since) + awaiting.everyMs
    if (now < first) return { kind: 'wait', until: jittered(first, awaiting.everyMs) }

    const told = await awaiting.ask(data.separation.taskId, awaited.since)
    if (told.kind === 'told') {
      // The provider itself has said it, so that nobody needs to compare it.
      await change({ ...data, separation: await seal(told.separation), confirmedBy: 'always' }, [])
      return { kind: 'go_on' }
    }
    if (told.kind === 'over') return told // the job stays a registered task's: driving it again asks once more
    if (told.kind === 'pending' && told.problem !== awaited.problem)
      await change({ ...data, awaited: withProblem(awaited, told.problem) }, [])
    return { kind: 'wait', until: jittered(Date.now() + awaiting.everyMs, awaiting.everyMs) }
  }

const withProblem = ({ since }: Awaited, problem: string | undefined): Awaited =>
  problem === undefined ? { since } : { since, problem }

// Tasks that were registered together must not ask together for ever.
const jittered = (at: number, everyMs: number): number => Math.round(at + Math.random() * 0.2 * everyMs)
