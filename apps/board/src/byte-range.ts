import type { ByteRange } from '@stems/store/stem-store'

/**
 * What of a file a request is for: a range of it, `all`, or nothing that is there. Several ranges at once are not served:
 * such a request gets all, as RFC 9110, 14.2 allows, and so does one that makes no sense.
 *
 * @param header `Range`, if there is one
 * @param bytes the length of the file
 */
export const readRange = (header: string | undefined, bytes: number): ByteRange | 'all' | 'none' => {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.trim() ?? '') ?? []
  if (from === '' && to === '') return 'all'
  if (from === '') {
    const length = Math.min(Number(to), bytes)
    return length === 0 ? 'none' : { first: bytes - length, last: bytes - 1 }
  }
  const [first, last] = [Number(from), to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1)]
  if (to !== '' && Number(to) < first) return 'all'
  return first >= bytes ? 'none' : { first, last }
}

/** Does a list of entity tags hold this one? For `If-None-Match` (RFC 9110, 13.1.2), which compares weakly. */
export const holdsTag = (header: string | undefined, etag: string): boolean =>
  (header ?? '').split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag)
