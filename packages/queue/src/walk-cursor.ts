import { taskIdSchema } from '@stems/domain/task-id'
import { LISTED_STATUSES, type ListedStatus } from './library-index.ts'
import type { LibraryPlace } from './library-pages.ts'

/** A cursor that nobody here has made, or one of another walk. */
export class CursorError extends Error {
  constructor() {
    super('is none that this list has given out for the same status')
    this.name = 'CursorError'
  }
}

const ALL = 'all'
const FORM = new RegExp(`^(${ALL}|${LISTED_STATUSES.join('|')})\\.(\\d{1,15})\\.(.+)$`)

/** A cursor for those who walk; what is inside is ours alone. */
export const writeCursor = (of: ListedStatus | undefined, [at, taskId]: LibraryPlace): string =>
  Buffer.from([of ?? ALL, at, taskId].join('.')).toString('base64url')

/**
 * @param of the status that is asked for together with it
 * @throws {CursorError}
 */
export const readCursor = (text: string, of: ListedStatus | undefined): LibraryPlace => {
  const [, status, at, taskId] = FORM.exec(Buffer.from(text, 'base64url').toString()) ?? []
  if (status !== (of ?? ALL) || !taskIdSchema.safeParse(taskId).success) throw new CursorError()
  return [Number(at), taskId as string]
}
