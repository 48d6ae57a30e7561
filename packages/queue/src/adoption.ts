import { hasLinks, isNews, mergeSeparations, type Separation } from '@stems/domain/separation'
import type { Job } from 'bullmq'
import type { QuarantineJob, SeparationJob, SeparationResult } from './jobs.ts'
import { QuarantineFullError } from './quarantine-bounds.ts'
import { REGISTERED, type Resent, type ResentBox, type ResentCallback } from './resent.ts'
import type { Seal } from './seal.ts'

/**
 * Judges a callback before anything of it is fetched.
 *
 * @param known what earlier callbacks of the task said, as far as they are believed
 * @returns why it is not to be believed; `undefined` when it is
 * @throws when that cannot be told yet
 */
export type Confirm = (separation: Separation, known: Separation | undefined) => Promise<string | undefined>

/** What is done about callbacks that may be forged. */
export type Readback = {
  mode: 'suspicious' | 'always'
  /** The judge of one task's callbacks, however many they are: the provider is asked once at most. */
  judgeOf: (taskId: string) => Confirm
  /** Keeps a callback that is not believed. */
  setAside: (entry: QuarantineJob) => Promise<void>
}

export type AdoptionOptions = {
  resent: ResentBox
  seal: Pick<Seal, 'open'>
  /** Every callback is believed where there is none. */
  readback: Readback | undefined
  /** Can the provider be asked what became of a registered task? */
  canAsk: boolean
}

/** Changes the job, and takes callbacks out of the box, in one step; throws when the job is another worker's by now. */
export type Change = (data: SeparationJob, takenNonces: string[]) => Promise<void>

type SeparationsJob = Job<SeparationJob, SeparationResult>
type Arrival = ResentCallback & { nonce?: string }

/** Brings together what the callbacks of a task have said so far. */
export const createAdoption = ({ resent, seal, readback, canAsk }: AdoptionOptions) => {
  const isBelieved = ({ confirmedBy }: SeparationJob): boolean =>
    readback === undefined || confirmedBy === 'always' || confirmedBy === readback.mode

  // Whoever has a token can say that a task has failed: of one that was paid for, the provider must say it too.
  const adopted = ({ awaited, ...job }: SeparationJob, separation: Separation): SeparationJob =>
    awaited && canAsk && !hasLinks(separation)
      ? { ...job, separation, awaited: { since: awaited.since, heard: true } }
      : { ...job, separation }

  const judgeAll = async (job: SeparationJob, later: Arrival[], { judgeOf }: Readback) => {
    const judge = judgeOf(job.separation.taskId)
    const refused: (Arrival & { reason: string })[] = []
    const known = knownOf(job)
    let believed = isBelieved(job) ? known : undefined
    for (const arrival of [...(known && !believed ? [{ separation: known }] : []), ...later]) {
      const { separation } = arrival
      if (believed && !isNews(believed, separation)) continue // it may change nothing, not even the words
      const reason = await judge(await seal.open(separation), believed && (await seal.open(believed)))
      if (reason !== undefined) refused.push({ ...arrival, reason })
      else believed = believed ? mergeSeparations(believed, separation) : separation
    }
    return { believed, refused }
  }

  // A quarantine that is full must not keep the honest callbacks waiting. What does not find room stays where it is.
  const setAside = async ({ separation, reason }: Arrival & { reason: string }, { setAside: keep }: Readback) => {
    const { taskId, receivedAt } = separation
    try {
      await keep({ kind: 'unconfirmed', taskId, reason, receivedAt, payload: await seal.open(separation) })
      return true
    } catch (error) {
      if (error instanceof QuarantineFullError) return false
      throw error
    }
  }

  const adoptBelieved = async (job: SeparationJob, later: Arrival[], change: Change, readback: Readback) => {
    const { believed, refused } = await judgeAll(job, later, readback)
    const isRefused = new Set(refused.map(({ nonce }) => nonce))
    const taken = later.filter(({ nonce }) => !isRefused.has(nonce))
    const run = job.run + (taken.length > 0 ? 1 : 0) // what stays in the box must not start a run each time
    const data = believed ? { ...adopted(job, believed), confirmedBy: readback.mode, run, ...traceOf(taken) } : job
    await change(data, noncesOf(taken))
    const kept: Arrival[] = []
    for (const one of refused) if (await setAside(one, readback)) kept.push(one)
    await change(data, noncesOf(kept))
    return believed || job.awaited ? undefined : refused[0]?.reason
  }

  /**
   * Takes into the job what has come since it was last looked at. Later callbacks start another run, with children of its
   * own.
   *
   * @throws when the job is another worker's by now, or the provider does not tell
   */
  return async (job: SeparationsJob, change: Change): Promise<string | undefined> => {
    const callbacks = await resent.peek(job.data.separation.taskId)
    const registered = callbacks.get(REGISTERED)
    if (registered) {
      const since = registered.separation.receivedAt
      await change({ ...awaitedAgain(job.data, since), ...traceOf([registered]) }, [REGISTERED])
    }
    const { data } = job
    const later = inOrder(callbacks).filter(({ nonce }) => nonce !== REGISTERED)
    if (later.length === 0 && (data.awaited || !readback || isBelieved(data))) return undefined
    if (readback) return adoptBelieved(data, later, change, readback)
    const arrived = later.map((each) => each.separation)
    const separation = [knownOf(data) ?? [], arrived].flat().reduce(mergeSeparations)
    const { confirmedBy: _nobody, ...rest } = adopted(data, separation) // nobody has compared what comes in here
    await change({ ...rest, run: data.run + 1, ...traceOf(later) }, noncesOf(later))
    return undefined
  }
}

// What stands in the place of a separation of which nobody has said anything must not be merged with what is said.
const knownOf = ({ awaited, separation }: SeparationJob): Separation | undefined =>
  awaited && !awaited.heard ? undefined : separation

const awaitedAgain = (job: SeparationJob, since: string): SeparationJob => ({
  ...job,
  awaited: { since, ...(job.awaited && !job.awaited.heard ? {} : { heard: true as const }) },
})

const inOrder = (later: Resent): Arrival[] =>
  [...later]
    .map(([nonce, callback]) => ({ nonce, ...callback }))
    .sort((a, b) => (a.separation.receivedAt < b.separation.receivedAt ? -1 : 1))

// Of several that are taken at once the last one is who drives.
const traceOf = (arrivals: ResentCallback[]): { trace?: string } => {
  const trace = arrivals.findLast((each) => each.trace !== undefined)?.trace
  return trace === undefined ? {} : { trace }
}

const noncesOf = (arrivals: Arrival[]): string[] => arrivals.flatMap(({ nonce }) => nonce ?? [])
