import type { LibraryEntry } from '../separation-schemas.ts'
import { bytesText } from './amounts.ts'

/** What was asked of the provider, for people. */
export const kindText = (type: LibraryEntry['type']): string =>
  ({ separate_vocal: 'vocal and instrumental', split_stem: 'all stems', unknown: 'unknown kind' })[type]

/** The status, and how far it is while it runs. */
export const statusText = ({ status, counts }: LibraryEntry): string =>
  status === 'downloading' ? `downloading ${counts.ended} of ${counts.total}` : status

/** How many stems are home and what they weigh; nothing where there are none. */
export const summaryText = ({ stems }: LibraryEntry): string => {
  const saved = Object.values(stems).filter((stem) => stem.status === 'saved')
  if (saved.length === 0) return ''
  const bytes = saved.reduce((sum, stem) => sum + stem.bytes, 0)
  return `· ${saved.length} ${saved.length === 1 ? 'stem' : 'stems'}, ${bytesText(bytes)} `
}
