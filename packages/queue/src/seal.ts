import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { StemError } from '@stems/domain/errors'
import { hasSecrets, publicLink, replaceLinks } from '@stems/domain/link'
import type { Separation } from '@stems/domain/separation'
import type { StemJob } from './jobs.ts'
import type { RedisConnection } from './redis.ts'

const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Links as they stand in Redis, where boards, dumps and logs of jobs show them: `https://host/path?sealed=…`. A query
 * string, a fragment or credentials may open the file to anybody, so they are encrypted. The same link is always sealed in
 * the same way: sealed links can be compared. Most links carry no secret and stay as they are, at no cost.
 *
 * The key lies in Redis too, and lives exactly as long as the jobs do. It keeps secrets from those who are shown jobs, not
 * from those who may read all of Redis.
 *
 * @param redis stays the caller's to close
 */
export const createSeal = (redis: RedisConnection, prefix: string) => {
  const name = `${prefix}:seal-key`
  const candidate = randomBytes(32).toString('base64url')

  // Asked each time: a Redis that has lost its data has another key afterwards.
  const readKey = async (): Promise<Buffer> =>
    Buffer.from((await redis.set(name, candidate, 'NX', 'GET')) ?? candidate, 'base64url')

  const withKey = async <T>(value: T, isConcerned: (value: T) => boolean, change: (value: T, key: Buffer) => T) =>
    isConcerned(value) ? change(value, await readKey()) : value

  return {
    /** @throws when Redis is away, and the separation has a secret */
    seal: (separation: Separation): Promise<Separation> =>
      withKey(separation, hasLink(hasSecrets), (plain, key) => mapLinks(plain, (link) => sealLink(link, key))),
    /**
     * A link whose key is lost stays sealed: the other stems must not suffer from it.
     *
     * @throws when Redis is away, and the separation has a secret
     */
    open: (separation: Separation): Promise<Separation> =>
      withKey(separation, hasLink(isSealed), (sealed, key) =>
        mapLinks(sealed, (link) => tryOpenLink(link, key) ?? link),
      ),
    /**
     * Leaves out what cannot be opened.
     *
     * @throws {StemError} when nothing is left, because the key is lost
     * @throws when Redis is away, and the job has a secret
     */
    openStem: (job: StemJob): Promise<StemJob> =>
      withKey(
        job,
        ({ url, otherUrls = [] }) => [url, ...otherUrls].some(isSealed),
        ({ url: first, otherUrls: others = [], ...rest }, key) => {
          const [url, ...otherUrls] = [first, ...others].flatMap((link) => tryOpenLink(link, key) ?? [])
          if (url === undefined) throw new StemError('gone', 'refresh-url', KEY_LOST)
          return { ...rest, url, ...(otherUrls.length > 0 ? { otherUrls } : {}) }
        },
      ),
    /** A payload of any shape, with the secrets of all links in its texts sealed; `openPayload` gives it back whole. */
    sealPayload: async (payload: unknown): Promise<unknown> => {
      const key = await readKey()
      return mapTexts(payload, (text) => sealText(text, key))
    },
    /** As `open`, for a payload. */
    openPayload: async (payload: unknown): Promise<unknown> => {
      const key = await readKey()
      return mapTexts(payload, (text) => openText(text, key))
    },
  }
}

export type Seal = ReturnType<typeof createSeal>

// The IV comes from the link itself, so that equal links are equal when sealed; that they are equal is all one can see.
const sealLink = (link: string, key: Buffer): string => {
  if (!hasSecrets(link)) return link
  const plain = Buffer.from(link, 'utf16le') // UTF-8 would lose half a character that a payload may hold
  const iv = createHmac('sha256', key).update(plain).digest().subarray(0, IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  return `${publicLink(link)}?${MARK}${sealed.toString('base64url')}`
}

const tryOpenLink = (link: string, key: Buffer): string | undefined => {
  if (!isSealed(link)) return link
  const sealed = Buffer.from(link.slice(link.lastIndexOf(MARK) + MARK.length), 'base64url')
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf16le')
  } catch {
    return undefined // another key
  }
}

const KEY_LOST = 'the secret part of its link was sealed with a key that Redis has lost. Send the callback again.'

const MARK = 'sealed='

const isSealed = (link: string): boolean => /\?sealed=[\w-]+$/.test(link)

// A text that is a link as a whole may hold raw spaces; elsewhere a link ends at the first one. Whatever comes back as it was
// may be sealed as a whole: «note: see https://host?k» parses as a link too, and would not.
const sealText = (text: string, key: Buffer): string => {
  const whole = sealLink(text, key)
  const isReversible = whole !== text && !ANOTHER_LINK.test(text) && openText(whole, key) === text
  return isReversible ? whole : replaceLinks(text, (link) => sealLink(link, key))
}

const ANOTHER_LINK = /\S\s+[a-z][a-z0-9+.-]*:\/\//i

const openText = (text: string, key: Buffer): string => replaceLinks(text, (link) => tryOpenLink(link, key) ?? link)

const hasLink =
  (matches: (link: string) => boolean) =>
  ({ stems }: Separation): boolean =>
    stems.some(({ url, otherUrls = [] }) => [url ?? '', ...otherUrls].some(matches))

const mapLinks = (separation: Separation, change: (link: string) => string): Separation => ({
  ...separation,
  stems: separation.stems.map((stem) => ({
    ...stem,
    url: stem.url === null ? null : change(stem.url),
    ...(stem.otherUrls ? { otherUrls: stem.otherUrls.map(change) } : {}),
  })),
})

const mapTexts = (value: unknown, change: (text: string) => string): unknown => {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [change(name), mapTexts(item, change)]))
}
