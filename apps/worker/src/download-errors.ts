import { BusyHostError, StemError } from '@stems/domain/errors'
import { parseRetryAfter } from '@stems/domain/retry-after'
import { type RequestFailure, readRequestError } from '@stems/outgoing/request-failure'

/**
 * Says what a failed download means, for people and for the queue.
 *
 * @param error whatever the request, its body or the store threw
 * @param bytes how many bytes had come
 */
export const explainFailure = (error: unknown, bytes: number): StemError => {
  const known = causes(error).find((cause) => cause instanceof StemError)
  if (known) return known
  const failure = readRequestError(error)
  if (failure instanceof StemError) return failure
  if (failure) return explainRequestFailure(failure, bytes)
  throw error
}

const explainRequestFailure = (failure: RequestFailure, bytes: number): StemError => {
  const { kind, host, message } = failure
  const options = { cause: failure }
  if (kind === 'silent') {
    return new StemError('stalled', 'later', `${host} sent nothing for too long, after ${bytes} bytes.`, options)
  }
  if (kind === 'cut') {
    return new StemError('truncated', 'later', `${host} ended the transfer after ${bytes} bytes.`, options)
  }
  return new StemError('network', 'later', message, options)
}

/**
 * What an HTTP status that is not 200 means for a stem.
 *
 * @param host who answered
 * @param retryAfter the header, as it came
 */
export const explainStatus = (status: number, host: string, retryAfter?: string): StemError => {
  if ([401, 403, 404, 410].includes(status)) {
    const message = `the remote host answered ${status}: the link is dead or the file is deleted.`
    return new StemError('gone', 'refresh-url', message)
  }
  const retryAfterMs = parseRetryAfter(retryAfter)
  if (status === 429 || (status === 503 && retryAfterMs)) return new BusyHostError(status, host, retryAfterMs)
  if (status >= 400 && status < 500 && status !== 408 && status !== 425) {
    return new StemError('refused', 'never', `the remote host answered ${status} and will not answer otherwise.`)
  }
  return new StemError('unavailable', 'later', `the remote host answered ${status}.`)
}

const causes = (error: unknown): Error[] => (error instanceof Error ? [error, ...causes(error.cause)] : [])
