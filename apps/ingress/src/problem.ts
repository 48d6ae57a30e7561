import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'

/** An error body. Source: RFC 9457, «Problem Details for HTTP APIs». */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string().describe("The status code's name"),
    status: z.number().int(),
    detail: z.string().describe('What is wrong, for people'),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .describe('The fields that are wrong'),
  })
  .describe('application/problem+json')

/** A problem among a route's documented answers. */
export const problemResponse = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

export type Problem = z.infer<typeof problemSchema>

/** Answers with a problem. */
export const sendProblem = (
  reply: FastifyReply,
  status: number,
  detail: string,
  errors?: { field: string; message: string }[],
): FastifyReply => {
  const problem: Problem = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail }
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(errors ? { ...problem, errors } : problem)
}

/** Turns what Fastify refuses by itself (media type, size, syntax) into problems; says nothing of the inside on a 500. */
export const problemOfError = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const status = error.statusCode ?? 500
  if (status >= 500) {
    request.log.error({ error: error.message, stack: error.stack }, 'request.failed')
    return sendProblem(reply, 500, 'Something went wrong here. The log tells more. Send the callback again.')
  }
  return sendProblem(reply, status, DETAILS[error.code] ?? DETAILS[status] ?? error.message)
}

const DETAILS: Record<string, string> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty; a callback is a JSON object.',
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body is larger than 256 KiB; no callback is.',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'The content type must be application/json.',
  FST_ERR_BAD_URL: 'The URL cannot be read.',
  FST_ERR_MAX_PARAM_LENGTH: 'The token is longer than any is.', // Fastify's own words repeat it
  400: 'The body is not JSON, or has a key "__proto__" or "constructor.prototype"; no callback has.',
  413: 'The body is larger than 256 KiB; no callback is.',
  415: 'The content type must be application/json.',
}
