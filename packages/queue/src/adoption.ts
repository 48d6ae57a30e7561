import { isNews, mergeSeparations, type Separation } from '@stems/domain/separation'
import type { Job } from 'bullmq'
import type { QuarantineJob, SeparationJob, SeparationResult } from './jobs.ts'
import type { Resent, ResentBox } from './resent.ts'
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
  confirm: Confirm
  /** Keeps a callback that is not believed. */
  setAside: (entry: QuarantineJob) => Promise<void>
}

export type AdoptionOptions = {
  resent: ResentBox
  seal: Pick<Seal, 'open'>
  /** Every callback is believed where there is none. */
  readback: Readback | undefined
}

type SeparationsJob = Job<SeparationJob, SeparationResult>

/** Brings together what the callbacks of a task have said so far. */
export const createAdoption = ({ resent, seal, readback }: AdoptionOptions) => {
  // Later callbacks start another run, with children of its own. A crash before they are removed adopts them once more.
  const keep = async (job: SeparationsJob, later: Resent, change: Partial<SeparationJob>): Promise<void> => {
    await job.updateData({ ...job.data, ...change, run: job.data.run + (later.size > 0 ? 1 : 0) })
    await resent.remove(job.data.separation.taskId, [...later.keys()])
  }

  const judge = async (separation: Separation, known: Separation | undefined): Promise<string | undefined> => {
    if (known && !isNews(known, separation)) return undefined
    const payload = await seal.open(separation)
    const reason = await readback?.confirm(payload, known && (await seal.open(known)))
    if (reason === undefined) return undefined
    const { taskId, receivedAt } = separation
    await readback?.setAside({ kind: 'unconfirmed', taskId, reason, receivedAt, payload })
    return reason
  }

  const adoptBelieved = async (job: SeparationsJob, later: Resent): Promise<string | undefined> => {
    const first = job.data.isConfirmed ? [] : [job.data.separation]
    let believed = job.data.isConfirmed ? job.data.separation : undefined
    let objection: string | undefined
    for (const separation of [...first, ...later.values()]) {
      const doubt = await judge(separation, believed)
      objection ??= doubt
      if (doubt === undefined) believed = believed ? mergeSeparations(believed, separation) : separation
    }
    await keep(job, later, believed ? { separation: believed, isConfirmed: true } : {})
    return believed ? undefined : objection
  }

  /**
   * Takes into the job what has come since it was last looked at.
   *
   * @returns why nothing of it may be driven, where that is so
   */
  return async (job: SeparationsJob): Promise<string | undefined> => {
    const later = await resent.peek(job.data.separation.taskId)
    if (readback && !(job.data.isConfirmed && later.size === 0)) return adoptBelieved(job, later)
    if (later.size === 0) return undefined
    await keep(job, later, { separation: [...later.values()].reduce(mergeSeparations, job.data.separation) })
    return undefined
  }
}
