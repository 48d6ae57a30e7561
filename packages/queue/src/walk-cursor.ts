import { taskIdSchema } from '@stems/domain/task-id'
import type { EndedJob } from './ended-jobs.ts'

/** What a separation is doing. `expected`: its task was registered, and nobody has said anything of it yet. */
export const LISTED_STATUSES = ['expected', 'waiting', 'downloading', 'complete', 'partial', 'failed'] as const

export type ListedStatus = (typeof LISTED_STATUSES)[number]

/** Among those that have ended, after `last`. */
export type AmongEnded = { set: 'failed' | 'completed'; last?: EndedJob | undefined }

/** Among all keys of a Redis server. */
export type AmongKeys = { scan: string; server: string }

/** How far a walk through all separations has come. */
export type WalkCursor = {
  /** The status that is walked through; all where it is left out. */
  of: ListedStatus | undefined
  /** Which ended ones are looked for in their order: those of this moment or earlier, in milliseconds since 1970. */
  since: number
  at: AmongEnded | AmongKeys | 'end'
  /** Tasks that the last step has found and not shown. */
  rest: string[]
}

/** A cursor that nobody here has made, or one of another walk. */
export class CursorError extends Error {
  constructor() {
    super('is none that this list has given out for the same status')
    this.name = 'CursorError'
  }
}

/** A cursor for those who walk; what is inside is ours alone. */
export const writeCursor = ({ of, since, at, rest }: WalkCursor): string =>
  Buffer.from([of ?? ALL, since, writePlace(at), rest.join(',')].join('.')).toString('base64url')

/**
 * @param of the status that is asked for together with it
 * @throws {CursorError}
 */
export const readCursor = (text: string, of: ListedStatus | undefined): WalkCursor => {
  const [, status, since, set, endedAt, id, scan, server, rest] =
    FORM.exec(Buffer.from(text, 'base64url').toString()) ?? []
  if (status !== (of ?? ALL)) throw new CursorError()
  const taskIds = rest ? rest.split(',') : []
  if (!taskIds.every((taskId) => taskIdSchema.safeParse(taskId).success)) throw new CursorError()
  return { of, since: Number(since), at: readPlace({ set, endedAt, id, scan, server }), rest: taskIds }
}

const ALL = 'all'

const FORM =
  /^(\w+)\.(\d{1,15})\.(?:end|(failed|completed)(?::(\d{1,15}):([\w-]{1,140}))?|(\d{1,20})@(\w{0,64}))\.([\w,-]*)$/

const writePlace = (at: WalkCursor['at']): string => {
  if (at === 'end') return at
  if ('scan' in at) return `${at.scan}@${at.server}`
  return [at.set, ...(at.last ?? [])].join(':')
}

const readPlace = ({ set, endedAt, id, scan, server }: Record<string, string | undefined>): WalkCursor['at'] => {
  if (scan !== undefined) return { scan, server: server ?? '' }
  if (set !== 'failed' && set !== 'completed') return 'end'
  return id === undefined ? { set } : { set, last: [Number(endedAt), id] }
}
