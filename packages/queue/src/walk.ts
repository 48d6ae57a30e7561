import type { EndedJob, EndedJobs } from './ended-jobs.ts'
import { separationJobId } from './jobs.ts'
import type { MovingJobs } from './moving-jobs.ts'
import {
  type AmongEnded,
  type AmongKeys,
  type ListedStatus,
  readCursor,
  type WalkCursor,
  writeCursor,
} from './walk-cursor.ts'

/** What a step of a walk has found, and where the next one begins; `null` when all were shown. */
export type WalkStep<Listed> = { separations: Listed[]; next: string | null }

export type WalkOptions<Listed> = {
  ended: EndedJobs
  moving: MovingJobs
  /** `undefined` when the queue has forgotten it. */
  read: (taskId: string) => Promise<Listed | undefined>
}

const LOOKED_AT = 500 // in one step, of those that have ended, for the ones that are wanted and can be read
const CLOCKS_DIFFER_MS = 5000 // between workers, who say when a separation ended, and here

/**
 * Walks through the separations of the queue in steps of bounded work, however many there are. No separation is missed that
 * was there, with the status that is asked for, from the first step to the last, wherever its job went meanwhile. One that
 * moves while somebody walks may be shown twice.
 *
 * Those that had ended before the walk began come first, in the order of their ends. Then come those that move. Who asks for
 * a status with which separations end is shown the ended ones alone.
 */
export const createWalk = <Listed extends { status: ListedStatus }>({ ended, moving, read }: WalkOptions<Listed>) => {
  const readAll = async (taskIds: string[], of: ListedStatus | undefined): Promise<Listed[]> =>
    (await Promise.all(taskIds.map(read))).filter((one) => one !== undefined).filter(({ status }) => mayBe(status, of))

  const stepAmongEnded = async (at: AmongEnded, { of, since }: WalkCursor, room: number) => {
    const length = of ? LOOKED_AT : room
    const jobs = await ended.after(at.set, { last: at.last, most: of ? Number.POSITIVE_INFINITY : since, length })
    const statuses = of ? await ended.statusesOf(jobs) : []
    const fitting = jobs.filter((_, index) => mayBe(statuses[index] ?? 'failed', of))
    const shown = fitting.slice(0, room)
    const isFull = shown.length < fitting.length
    const last: EndedJob | undefined = isFull ? shown.at(-1) : jobs.at(-1)
    const next = !isFull && jobs.length < length ? afterSet(at.set, of) : { set: at.set, last: last ?? at.last }
    const taskIds = shown.map(([, id]) => id.slice(separationJobId('').length))
    return { taskIds, next, looked: of ? LOOKED_AT : jobs.length }
  }

  const stepAmongKeys = async (at: AmongKeys | undefined, { of, since }: WalkCursor, room: number) => {
    const { taskIds, next } = await moving.after(at, of ? Number.POSITIVE_INFINITY : since, room)
    return { taskIds, next, looked: LOOKED_AT }
  }

  const step = async (cursor: WalkCursor, limit: number): Promise<WalkStep<Listed>> => {
    const separations = await readAll(cursor.rest.slice(0, limit), cursor.of)
    let rest = cursor.rest.slice(limit)
    let { at } = cursor
    let looked = 0
    while (at !== 'end' && rest.length === 0 && separations.length < limit) {
      const room = limit - separations.length
      const found: { taskIds: string[]; next: WalkCursor['at']; looked: number } =
        'set' in at ? await stepAmongEnded(at, cursor, room) : await stepAmongKeys(at, cursor, room)
      separations.push(...(await readAll(found.taskIds.slice(0, room), cursor.of)))
      rest = found.taskIds.slice(room)
      const isNextPart = 'set' in at && (found.next === 'end' || !('set' in found.next) || found.next.set !== at.set)
      at = found.next
      looked += found.looked
      if (looked >= LOOKED_AT && !isNextPart) break
    }
    const isOver = at === 'end' && rest.length === 0
    return { separations, next: isOver ? null : writeCursor({ ...cursor, at, rest }) }
  }

  /**
   * One step.
   *
   * @param of all where it is left out. Separations whose last run failed are shown with each status of ended ones: the
   * manifest of an earlier run may say better
   * @param cursor where the step before said that this one begins
   * @param limit how many are shown at most
   * @throws {CursorError}
   */
  return (of: ListedStatus | undefined, cursor: string | undefined, limit: number): Promise<WalkStep<Listed>> => {
    if (cursor !== undefined) return step(readCursor(cursor, of), limit)
    return step({ of, since: Date.now() - CLOCKS_DIFFER_MS, at: beginOf(of), rest: [] }, limit)
  }
}

const ENDS: readonly ListedStatus[] = ['complete', 'partial', 'failed']

const mayBe = (status: ListedStatus, of: ListedStatus | undefined): boolean =>
  of === undefined || status === of || (status === 'failed' && ENDS.includes(of))

const KEYS: AmongKeys = { scan: '0', server: '' }

const beginOf = (of: ListedStatus | undefined): WalkCursor['at'] =>
  of === undefined || ENDS.includes(of) ? { set: 'failed' } : KEYS

const afterSet = (set: AmongEnded['set'], of: ListedStatus | undefined): WalkCursor['at'] => {
  if (set === 'failed') return { set: 'completed' }
  return of === undefined ? KEYS : 'end'
}
