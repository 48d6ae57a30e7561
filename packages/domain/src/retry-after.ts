/**
 * Milliseconds to wait, from seconds or an HTTP date (RFC 9110, 10.2.3).
 *
 * @param header as it came
 * @returns `undefined` when it is neither
 */
export const parseRetryAfter = (header: string | undefined, now = Date.now()): number | undefined => {
  if (header === undefined || header.trim() === '') return undefined
  const seconds = /^\d+$/.test(header.trim())
  if (!seconds && !/[a-z]/i.test(header)) return undefined // `-5` would pass for a date
  const ms = seconds ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
