import { STATUS_CODES } from 'node:http'
import { QueueAwayError } from '@stems/queue/listing'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { messagePage } from './pages/message-page.ts'

const RETRY_AFTER_S = 5

/** Answers with a page. */
export const sendPage = (reply: FastifyReply, page: string): FastifyReply =>
  reply.type('text/html; charset=utf-8').send(page)

/**
 * Says that something did not work: as a page to people, as a problem (RFC 9457) to programs.
 *
 * @param detail what is wrong and what can be done, for people
 */
export const sendFailure = (
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  detail: string,
): FastifyReply => {
  const title = STATUS_CODES[status] ?? 'Error'
  reply.code(status)
  if (status === 503) reply.header('retry-after', RETRY_AFTER_S)
  if (!/^\/(queues\/)?api\//.test(request.url)) {
    return sendPage(reply, messagePage({ title, detail, refresh: status === 503 }))
  }
  return reply
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send({ type: 'about:blank', title, status, detail })
}

/** Turns whatever a route throws into a failure; says nothing of the inside on a 500. */
export const sendError = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  if (error instanceof QueueAwayError) {
    request.log.debug({ error: error.message }, 'request.without_redis')
    return sendFailure(
      request,
      reply,
      503,
      'Redis is away, so nothing can be listed right now. Files that were saved can still be opened by their links.',
    )
  }
  const status = error.statusCode ?? 500
  if (status < 500) return sendFailure(request, reply, status, error.message)
  request.log.error({ error: error.message, stack: error.stack }, 'request.failed')
  return sendFailure(request, reply, 500, 'Something went wrong here. The log tells more.')
}
