import { publicLink } from '@stems/domain/link'
import { linksOf, type Separation } from '@stems/domain/separation'
import { isProviderLink } from './hosts.ts'
import type { ProviderRecord } from './record-info.ts'

/**
 * Compares what a callback says with what the provider itself says. A proof vouches for the sender at best, never for the
 * links.
 *
 * The original song is the exception: records are known to leave it out, so one that the record does not name is believed
 * if it lies with the provider.
 *
 * @param record of the same task, not pending
 * @returns why the callback is not to be believed; `undefined` when every link of it is the provider's
 */
export const objectionTo = (
  separation: Separation,
  record: Exclude<ProviderRecord, { state: 'pending' }>,
): string | undefined => {
  if (record.state === 'unknown') return 'the provider knows no task of this id'
  if (record.state === 'failed') return `the provider says that this task failed: ${record.reason}`
  const known = new Set(record.links.map(({ url }) => comparable(url)))
  const named = new Set(record.links.map(({ stem }) => stem))
  const doubtful = separation.stems.filter(({ name, ...stem }) => {
    const isLeftOut = name === 'origin' && !named.has(name)
    return linksOf(stem).some((link) => !known.has(comparable(link)) && !(isLeftOut && isProviderLink(link)))
  })
  if (doubtful.length === 0) return undefined
  return `the provider's record has another link, or none, for ${doubtful.map(({ name }) => name).join(', ')}`
}

/**
 * Is there anything about a callback that an honest one does not have?
 *
 * @param known what earlier callbacks of the task said, as far as they are believed
 * @returns what it is
 */
export const suspicionOf = (separation: Separation, known: Separation | undefined): string | undefined => {
  if (separation.isUnproven) return 'nobody vouched for its sender'
  const links = separation.stems.flatMap(linksOf)
  if (!links.every(isProviderLink)) return "a link leads to a host that is not one of the provider's"
  const before = new Map(known?.stems.map((stem) => [stem.name, linksOf(stem)]))
  const isChanged = separation.stems.some(({ name, url }) => {
    const earlier = before.get(name) ?? []
    return url !== null && earlier.length > 0 && !earlier.includes(url)
  })
  return isChanged ? 'it names other links than an earlier callback of its task' : undefined
}

// A query string may be made anew for each answer; it does not change which file is meant.
const comparable = (link: string): string => publicLink(new URL(link).href)
