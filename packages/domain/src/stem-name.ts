import { createHash } from 'node:crypto'
import { z } from 'zod'

// Shorter than what the schema allows: a suffix such as `_removed` may follow.
const SAFE_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/

const HASHED_NAME = /-[0-9a-f]{8}$/

/** A stem's name as it stands in job ids, manifests and file names: lower case, no dot, no slash. */
export const stemNameSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,95}$/)

/**
 * The name under which a stem of the payload is kept.
 *
 * Every documented name is its own result. A name that could leave its directory, or collide with another by case or
 * by Unicode form, becomes a readable slug followed by a hash of the original, so that no two names ever meet.
 *
 * @param named what the payload calls the stem, `_url` already taken off; any string
 * @returns a name that matches {@link stemNameSchema}
 */
export const toStemName = (named: string): string => {
  if (SAFE_NAME.test(named) && !HASHED_NAME.test(named)) return named
  // In UTF-8 all halves of surrogate pairs are one and the same; JSON tells them apart.
  const distinct = named.isWellFormed() ? named : JSON.stringify(named)
  const hash = createHash('sha256').update(distinct).digest('hex').slice(0, 8)
  return [slug(named).slice(0, 48) || 'stem', hash].join('-')
}

/**
 * The stem name of a display name, as the list form of `split_stem_advanced` gives it: `Lead Vocal` → `lead_vocal`.
 *
 * @param title a display name; any string
 * @returns a name that matches {@link stemNameSchema}
 */
export const titleToStemName = (title: string): string => {
  const name = slug(title)
  // A title of letters that the slug had to drop (another script, say) is told apart by its hash.
  return /[^\x20-\x7e]/.test(title) ? toStemName(title) : toStemName(name || title)
}

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
