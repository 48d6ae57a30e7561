import { STATUS_CODES } from 'node:http'
import { QueueAwayError } from '@stems/queue/queue-away-error'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { messagePage } from './pages/message-page.ts'
import type { Problem, ProblemMore } from './problem.ts'

const RETRY_AFTER_S = 5

/** Answers with a page. */
export const sendPage = (reply: FastifyReply, page: string): FastifyReply =>
  reply.type('text/html; charset=utf-8').send(page)

/** Does an open page ask for itself again? It may be shown what the board remembers; a page that is loaded may not. */
export const isAskedAgain = ({ headers }: FastifyRequest): boolean => headers['if-none-match'] !== undefined

/**
 * Says that something did not work: as a page to people, as a problem (RFC 9457) to programs.
 *
 * @param detail what is wrong and what can be done, for people
 * @param more what only programs are told
 */
export const sendFailure = (
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  detail: string,
  more: ProblemMore = {},
): FastifyReply => {
  const title = STATUS_CODES[status] ?? 'Error'
  reply.code(status)
  if (status === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER_S)
  if (!isForProgram(request)) {
    return sendPage(reply, messagePage({ title, detail, refresh: status === 503 }))
  }
  const problem: Problem = { type: 'about:blank', title, status, detail, ...more }
  return reply.type('application/problem+json').serializer(JSON.stringify).send(problem)
}

/** An error that ends the request with a status below 500 and these words for people. */
export const refusal = (statusCode: number, detail: string): Error => Object.assign(new Error(detail), { statusCode })

const CANNOT_LIST =
  'Redis is away, so nothing can be listed right now. Files that were saved can still be opened by their links.'
const REDIS_AWAY: Record<string, string> = { GET: CANNOT_LIST, HEAD: CANNOT_LIST }

const isForProgram = ({ url, headers }: FastifyRequest): boolean =>
  /^\/(queues\/)?api\//.test(url) || /^bearer /i.test(headers.authorization ?? '')

/** Turns whatever a route throws into a failure; says nothing of the inside on a 500. */
export const sendError = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  if (error instanceof QueueAwayError) {
    request.log.debug({ error: error.message }, 'request.without_redis')
    const detail =
      REDIS_AWAY[request.method] ?? 'Redis is away, so nothing can be done right now. Send it again in a while.'
    return sendFailure(request, reply, 503, detail)
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map(({ instancePath, message }) => ({
      field: instancePath.slice(1).replaceAll('/', '.') || 'body',
      message: message ?? 'is wrong',
    }))
    const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ')
    return sendFailure(request, reply, 400, `${detail}.`, { errors })
  }
  const status = error.statusCode ?? 500
  if (status < 500) return sendFailure(request, reply, status, error.message)
  request.log.error({ error: error.message, stack: error.stack }, 'request.failed')
  return sendFailure(request, reply, 500, 'Something went wrong here. The log tells more.')
}
