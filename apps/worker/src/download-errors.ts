import { BlockedUrlError, DeadLinkError, StemError } from '@stems/domain/errors'
import { isBlockedAddress } from '@stems/outgoing/url-guard'
import { ReadError, RequestError, TimeoutError } from 'got'

/**
 * Says what a failed download means, for people and for the queue.
 *
 * @param error whatever the request, the pipeline or a guard threw
 * @param url what was asked
 * @param bytes how many bytes had come
 */
export const explainFailure = (error: unknown, url: URL, bytes: number): StemError => {
  const known = causes(error).find((cause) => cause instanceof StemError)
  if (known) return known
  const blocked = causes(error).find(isBlockedAddress)
  if (blocked) return new BlockedUrlError(url.host, 'its address is not a public one')
  if (hasCode(error, 'ERR_UNSUPPORTED_PROTOCOL'))
    return new BlockedUrlError(url.host, 'it redirects to what is not HTTP')
  if (error instanceof TimeoutError) return explainTimeout(error, url, bytes)
  if (isCutOff(error)) {
    return new StemError('truncated', 'later', `${url.host} ended the transfer after ${bytes} bytes.`, { cause: error })
  }
  if (error instanceof RequestError) {
    const reason = error.code ?? error.message
    return new StemError('network', 'later', `${url.host} could not be reached (${reason}).`, { cause: error })
  }
  throw error
}

/**
 * What an HTTP status that is not 200 means for a stem.
 *
 * @param retryAfter the header, as it came
 */
export const explainStatus = (status: number, retryAfter?: string): StemError => {
  if ([401, 403, 404, 410].includes(status)) return new DeadLinkError(status)
  if (status === 429) {
    const message = 'the far side answered 429: too many requests.'
    return new StemError('rate_limited', 'later', message, { retryAfterMs: parseRetryAfter(retryAfter) })
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 425) {
    return new StemError('refused', 'never', `the far side answered ${status} and will not answer otherwise.`)
  }
  const retryAfterMs = status === 503 ? parseRetryAfter(retryAfter) : undefined
  return new StemError('unavailable', 'later', `the far side answered ${status}.`, { retryAfterMs })
}

/** Milliseconds to wait, from seconds or an HTTP date (RFC 9110, 10.2.3); `undefined` when it is neither. */
export const parseRetryAfter = (header: string | undefined, now = Date.now()): number | undefined => {
  if (header === undefined || header.trim() === '') return undefined
  const seconds = /^\d+$/.test(header.trim())
  if (!seconds && !/[a-z]/i.test(header)) return undefined // `-5` would pass for a date
  const ms = seconds ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

const explainTimeout = (error: TimeoutError, url: URL, bytes: number): StemError => {
  const told = `${url.host} sent nothing for too long, after ${bytes} bytes`
  if (error.event === 'socket' || error.event === 'response') {
    return new StemError('stalled', 'later', `${told}.`, { cause: error })
  }
  return new StemError('network', 'later', `${url.host} could not be reached in time (${error.event}).`, {
    cause: error,
  })
}

const isCutOff = (error: unknown): boolean => error instanceof ReadError || hasCode(error, 'ERR_STREAM_PREMATURE_CLOSE')

const hasCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code

const causes = (error: unknown): Error[] => (error instanceof Error ? [error, ...causes(error.cause)] : [])
