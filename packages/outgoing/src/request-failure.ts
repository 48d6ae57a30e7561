import { BlockedUrlError } from '@stems/domain/errors'
import { AbortError, ReadError, RequestError, TimeoutError } from 'got'

/**
 * What became of a request that brought no whole answer.
 * - `unreachable`: no answer began.
 * - `silent`: no byte for too long.
 * - `slow`: the answer as a whole took too long.
 * - `cut`: the answer broke off.
 * - `too_large`: more came than is wanted.
 * - `interrupted`: we gave it up ourselves.
 */
export type FailureKind = 'unreachable' | 'silent' | 'slow' | 'cut' | 'too_large' | 'interrupted'

/** A request that failed. It names the host, and nothing else of what was asked: URLs and headers hold secrets. */
export class RequestFailure extends Error {
  readonly kind: FailureKind
  readonly host: string
  /** What the network or the client called it, such as `ECONNREFUSED`. */
  readonly detail: string
  /** Is it certain that no byte of the request has left? It is where no connection, or no secure one, was ever made. */
  readonly isUnsent: boolean

  constructor(kind: FailureKind, host: string, detail: string, isUnsent = false) {
    super(`${host} ${WORDS[kind]} (${detail}).`)
    this.name = 'RequestFailure'
    this.kind = kind
    this.host = host
    this.detail = detail
    this.isUnsent = isUnsent
  }
}

const WORDS: Record<FailureKind, string> = {
  unreachable: 'could not be reached',
  silent: 'sent nothing for too long',
  slow: 'took too long to answer',
  cut: 'broke off its answer',
  too_large: 'sent more than is wanted',
  interrupted: 'was not waited for',
}

/**
 * Reads the errors of the HTTP client. They hold the whole request, its authorization too, so that none of them may go
 * on as a `cause`.
 *
 * @param error what the client, its stream or a pipeline threw
 * @param host what was asked
 * @returns `undefined` for what is no failure of a request
 */
export const readRequestError = (error: unknown, host: string): RequestFailure | BlockedUrlError | undefined => {
  const known = causes(error).find((cause) => cause instanceof BlockedUrlError || cause instanceof RequestFailure)
  if (known) return known
  const code = (error as NodeJS.ErrnoException).code
  const unsent = error instanceof RequestError && isUnsent(error)
  if (error instanceof TimeoutError) {
    return new RequestFailure(kindOfTimeout(error), host, `${error.event} timed out`, unsent)
  }
  if (error instanceof ReadError || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new RequestFailure('cut', host, code ?? 'closed')
  }
  if (error instanceof AbortError || code === 'ABORT_ERR') {
    return new RequestFailure('interrupted', host, 'aborted', unsent)
  }
  if (error instanceof RequestError) return new RequestFailure('unreachable', host, error.code, unsent)
  return undefined
}

// Connections are never used twice, so each request has the times of one of its own.
const isUnsent = ({ timings, options }: RequestError): boolean => {
  const isSecure = String(options?.url).startsWith('https:')
  return (isSecure ? timings?.secureConnect : timings?.connect) === undefined
}

const kindOfTimeout = ({ event }: TimeoutError): FailureKind => {
  if (event === 'socket' || event === 'response') return 'silent'
  return event === 'request' ? 'slow' : 'unreachable'
}

const causes = (error: unknown): Error[] => (error instanceof Error ? [error, ...causes(error.cause)] : [])
