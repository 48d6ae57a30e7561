import { publicLink } from '@stems/domain/link'
import { hasLinks, isNews, linksOf, type Separation } from '@stems/domain/separation'
import { isProviderLink } from './hosts.ts'
import type { ProviderRecord } from './record-info.ts'

/**
 * Compares what a callback says with what the provider itself says. A proof vouches for the sender at best, never for the
 * links.
 *
 * The original song is the exception: records are known to leave it out, so one that the record does not name is believed
 * if it lies with the provider.
 *
 * @param record of the same task
 * @returns why the callback is not to be believed; `undefined` when every link of it is the provider's
 */
export const objectionTo = (separation: Separation, record: ProviderRecord): string | undefined => {
  if (record.state === 'unknown') return 'the provider knows no task of this id'
  if (record.state === 'pending') return 'the provider says that this task is not done yet'
  if (record.state === 'failed') return `the provider says that this task failed: ${record.reason}`
  const doubtful = separation.stems
    .filter(({ name, ...stem }) => !linksOf(stem).every((link) => isBorneOut(record.links, name, link)))
    .map(({ name }) => name)
  if (doubtful.length === 0) return undefined
  const others = doubtful.length > MOST_NAMED ? ` and ${doubtful.length - MOST_NAMED} others` : ''
  return `the provider's record has another link, or none, for ${doubtful.slice(0, MOST_NAMED).join(', ')}${others}`
}

const MOST_NAMED = 5

type RecordLinks = Extract<ProviderRecord, { state: 'done' }>['links']

// A stem that the record has under the same name must be that one, or two of them could be swapped.
const isBorneOut = (links: RecordLinks, name: string, link: string): boolean => {
  const own = links.filter(({ stem }) => uncounted(stem) === uncounted(name))
  if (own.length === 0 && name === 'origin' && isProviderLink(link)) return true
  return (own.length > 0 ? own : links).some(({ url }) => comparable(url) === comparable(link))
}

// Files of one title are told apart by their place in a list, which may be another one in the record.
const uncounted = (name: string): string => name.replace(/_\d+$/, '')

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
  const isSecondThought = known && hasLinks(known) && isNews(known, separation)
  return isSecondThought ? 'it names other links than an earlier callback of its task' : undefined
}

// A query string may be made anew for each answer; it does not change which file is meant.
const comparable = (link: string): string => publicLink(new URL(link).href)
