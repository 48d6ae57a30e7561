import { taskIdSchema } from '@stems/domain/task-id'
import { LISTED_STATUSES } from '@stems/queue/library-index'
import type { LibraryPlace } from '@stems/queue/library-pages'
import { z } from 'zod'
import type { LibraryView } from './library.ts'

const IS_NO_PLACE = 'is none that this list has given out'

/** A place in the library, as addresses and the API have it: `1767225600000.task-id`. */
export const placeSchema = z
  .string()
  .regex(/^\d{1,15}\./, IS_NO_PLACE)
  .transform((text): LibraryPlace => [Number(text.split('.', 1)[0]), text.slice(text.indexOf('.') + 1)])
  .refine(([, taskId]) => taskIdSchema.safeParse(taskId).success, IS_NO_PLACE)

const viewSchema = z.object({
  status: z.enum(LISTED_STATUSES).optional().catch(undefined),
  q: z.string().trim().max(128).optional().catch(undefined),
  older: placeSchema.optional().catch(undefined),
  newer: placeSchema.optional().catch(undefined),
})

export const placeText = (place: LibraryPlace): string => place.join('.')

/** What a query asks for; whatever makes no sense of it is left out. */
export const readView = (query: unknown): LibraryView => {
  const { status, q, older, newer } = viewSchema.parse(query ?? {})
  return { of: status, search: q || undefined, older, newer: older ? undefined : newer }
}

/** Where a view is shown. */
export const viewHref = (view: LibraryView): string => {
  const { of, search, older, newer } = view
  const named = { status: of, q: search, older: older && placeText(older), newer: newer && placeText(newer) }
  const given = Object.entries(named).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const query = new URLSearchParams(given).toString()
  return query ? `/?${query}` : '/'
}
