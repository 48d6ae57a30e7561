import { z } from 'zod'
import { stemNameSchema } from './stem-name.ts'
import { taskIdSchema } from './task-id.ts'

/** One stem as the provider named it: where it can be fetched, or `null` where the provider gave no link. */
export const namedStemSchema = z.object({
  name: stemNameSchema,
  url: z.string().nullable(),
  /** Links that other callbacks gave for it, newest first: one of them may live when `url` is dead. */
  otherUrls: z.array(z.string()).optional(),
})

/** What a callback says once the provider's dialect is taken off it. */
export const separationSchema = z.object({
  taskId: taskIdSchema,
  type: z.enum(['separate_vocal', 'split_stem', 'unknown']),
  /** The provider's code, kept as it came; 200 is success. */
  code: z.number().int(),
  msg: z.string(),
  receivedAt: z.iso.datetime(),
  /** Nothing proved who sent it. */
  isUnproven: z.literal(true).optional(),
  stems: z.array(namedStemSchema),
})

export type NamedStem = z.infer<typeof namedStemSchema>
export type Separation = z.infer<typeof separationSchema>

/**
 * Does a callback that came later say something that the earlier one did not: a link for a stem that had none, another
 * link, or a new stem? An exact repeat, a failure after a success, and a link for a stem that is already saved are not news.
 *
 * @param known the separation as it stands
 * @param later the separation of a later callback for the same task
 * @param saved names of the stems that are saved already
 */
export const isNews = (known: Separation, later: Separation, saved: ReadonlySet<string> = new Set()): boolean => {
  const links = new Map(known.stems.map((stem) => [stem.name, linksOf(stem)]))
  return later.stems.some(({ name, url }) => url !== null && !saved.has(name) && !links.get(name)?.includes(url))
}

/**
 * The union of two callbacks for one task: every stem that either of them named, under the link that was received last,
 * so that a late failure message, or a callback with fewer stems, never makes a stem disappear from the account.
 *
 * @param one a callback
 * @param other another for the same task, in any order
 */
export const mergeSeparations = (one: Separation, other: Separation): Separation => {
  const [known, later] = one.receivedAt <= other.receivedAt ? [one, other] : [other, one]
  const stems = new Map(known.stems.map((stem) => [stem.name, stem]))
  for (const stem of later.stems) {
    const earlier = stems.get(stem.name)
    stems.set(stem.name, earlier ? mergeStems(earlier, stem) : stem)
  }
  const teller = hasLinks(later) || !hasLinks(known) ? later : known
  return { ...teller, stems: [...stems.values()] }
}

/** Is there anything to fetch? */
export const hasLinks = (separation: Separation): boolean => separation.stems.some((stem) => stem.url !== null)

/** All links of a stem, the one to try first before the others. */
export const linksOf = ({ url, otherUrls = [] }: Pick<NamedStem, 'url' | 'otherUrls'>): string[] =>
  url === null ? [] : [url, ...otherUrls]

const MOST_LINKS = 8

// A repeat of an old callback may come after one with fresh links: the newest link is tried first, the others stay. The
// very first one stays too, or whoever sends false ones would need only enough of them.
const mergeStems = (earlier: NamedStem, later: NamedStem): NamedStem => {
  const links = [...new Set([...linksOf(later), ...linksOf(earlier)])]
  const [url = null, ...otherUrls] =
    links.length > MOST_LINKS ? [...links.slice(0, MOST_LINKS - 1), ...links.slice(-1)] : links
  return { name: later.name, url, ...(otherUrls.length > 0 ? { otherUrls } : {}) }
}
