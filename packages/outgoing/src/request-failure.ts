import { BlockedUrlError } from '@stems/domain/errors'
import type { Dispatcher } from 'undici'

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

const MOST_ANNOUNCEMENTS = 10 // a 102 or 103 before an answer is rare, a second one rarer

/** How far a request has come. */
export type Course = {
  host: string
  /** A connection was made, and the request is on its way. */
  isSent: boolean
  /** The head of the answer has come. */
  hasBegun: boolean
}

/**
 * Has requests fail in our own words, before their answer and within it, and notes how far they have come.
 *
 * @param dispatch of undici; `opaque` of its options is the {@link Course}
 */
export const explaining: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const course = (options as { opaque?: Course }).opaque
  if (!course) throw new TypeError('a request without a course')
  let announcements = 0
  return dispatch(options, {
    onRequestStart: (controller, context) => {
      course.isSent = true
      handler.onRequestStart?.(controller, context)
    },
    onResponseStart: (controller, status, headers, text) => {
      course.hasBegun = status >= 200
      // Each has the client wait anew for the head.
      if (!course.hasBegun && ++announcements > MOST_ANNOUNCEMENTS) {
        return controller.abort(new RequestFailure('silent', course.host, `${announcements} times ${status}`))
      }
      handler.onResponseStart?.(controller, status, headers, text)
    },
    onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
    onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
    onResponseError: (controller, error) => handler.onResponseError?.(controller, failureOf(error, course)),
  })
}

/**
 * What a request failed of. The client's errors may hold the whole request, its authorization too, so that none of them may go
 * on as a `cause`.
 *
 * @param error of the client
 */
export const failureOf = (error: unknown, { host, isSent, hasBegun }: Course): RequestFailure | BlockedUrlError => {
  const known = readRequestError(error)
  if (known) return known
  const code = (error as NodeJS.ErrnoException).code ?? (error as Error).name
  if (SILENCES.has(code)) return new RequestFailure('silent', host, code, !isSent)
  return new RequestFailure(hasBegun ? 'cut' : 'unreachable', host, code, !isSent)
}

const SILENCES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/**
 * Finds what a request failed of in what was thrown where its answer was read.
 *
 * @param error what a stream or a pipeline threw
 * @returns `undefined` for what is no failure of a request
 */
export const readRequestError = (error: unknown): RequestFailure | BlockedUrlError | undefined =>
  causes(error).find((cause) => cause instanceof BlockedUrlError || cause instanceof RequestFailure)

const causes = (error: unknown): Error[] => (error instanceof Error ? [error, ...causes(error.cause)] : [])
