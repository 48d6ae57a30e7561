import { UnreadableTaskIdError } from '@stems/provider/callback'
import { callbackSchema } from '@stems/provider/callback-schema'
import { isFreshlySigned, isKnownToken, type ProofSecrets, type SignatureHeaders } from '@stems/provider/proof'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Admit, UnprovenError } from './admit.ts'
import type { IngressMetrics } from './metrics.ts'
import { problemSchema, sendProblem } from './problem.ts'

const RETRY_AFTER_S = '5'

const answerSchema = z.object({ status: z.enum(['accepted', 'duplicate', 'spooled', 'quarantined']) })

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

const schema = {
  summary: 'Receives the callback of an audio separation',
  description:
    'Answers exactly 200 for everything that is kept. Proof is a token in the URL, or the headers ' +
    'X-Webhook-Timestamp and X-Webhook-Signature; one of them is enough.',
  body: callbackSchema,
  response: {
    200: answerSchema.describe('Kept, durably'),
    400: problem('Not JSON, or no readable task id'),
    401: problem('Proof missing, wrong or too old'),
    413: problem('Larger than 256 KiB'),
    415: problem('Not application/json'),
    503: problem('Cannot be kept right now; send it again'),
  },
}

export type CallbackRouteOptions = {
  admit: Admit
  secrets: ProofSecrets
  authRequired: boolean
  metrics: IngressMetrics
}

/** `POST /callbacks/separation[/<token>]`. */
export const addCallbackRoute = (app: FastifyInstance, options: CallbackRouteOptions): void => {
  const { admit, secrets, authRequired, metrics } = options
  const vouched = new WeakSet<FastifyRequest>()

  // Before the body is read: who shows neither a token nor a fresh signature costs us nothing.
  const turnAwayStrangers = (request: FastifyRequest, reply: FastifyReply, next: () => void) => {
    if (!authRequired || isKnownToken(tokenOf(request), secrets)) vouched.add(request)
    else if (!isFreshlySigned(signatureOf(request), secrets, Date.now())) return void refuse(reply)
    next()
  }

  const receive = async (request: FastifyRequest, reply: FastifyReply) => {
    const arrival = {
      body: request.body,
      receivedAt: new Date().toISOString(),
      signature: signatureOf(request),
      vouched: vouched.has(request),
    }
    try {
      const { taskId, kept } = await admit(arrival)
      metrics.callbacks.inc({ answer: kept })
      request.log.info({ taskId, answer: kept, ms: Math.round(reply.elapsedTime) }, 'callback.answered')
      return await reply.send({ status: kept })
    } catch (error) {
      if (error instanceof UnprovenError) return refuse(reply)
      if (error instanceof UnreadableTaskIdError) {
        metrics.callbacks.inc({ answer: 'bad_request' })
        const errors = error.issues.map(({ path, message }) => ({ field: path, message }))
        return sendProblem(reply, 400, `The callback names no task: ${error.message}.`, errors)
      }
      metrics.callbacks.inc({ answer: 'unavailable' })
      request.log.warn({ error: (error as Error).message }, 'callback.not_kept')
      reply.header('retry-after', RETRY_AFTER_S)
      return sendProblem(reply, 503, 'The callback can be kept nowhere right now. Send it again.')
    }
  }

  const refuse = (reply: FastifyReply) => {
    metrics.callbacks.inc({ answer: 'unauthorized' })
    return sendProblem(reply, 401, 'The callback is not proven to come from the provider.')
  }

  for (const url of ['/callbacks/separation', '/callbacks/separation/:token']) {
    app.post(url, {
      schema,
      // The schema documents; admit() decides. A shape we do not know is kept, not refused.
      validatorCompiler: () => (value) => ({ value }),
      onRequest: turnAwayStrangers,
      handler: receive,
    })
  }
}

const tokenOf = (request: FastifyRequest): string | undefined => {
  const { token: inPath } = request.params as { token?: string }
  const { token: inQuery } = request.query as { token?: string | string[] }
  return inPath ?? (typeof inQuery === 'string' ? inQuery : undefined)
}

const signatureOf = ({ headers }: FastifyRequest): SignatureHeaders => ({
  timestamp: single(headers['x-webhook-timestamp']),
  signature: single(headers['x-webhook-signature']),
})

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? undefined : header
