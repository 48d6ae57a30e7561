import { readTaskId, UnreadableTaskIdError } from '@stems/provider/callback'
import { callbackSchema } from '@stems/provider/callback-schema'
import {
  isFreshlySigned,
  isKnownToken,
  isSignedBy,
  type ProofSecrets,
  type SignatureHeaders,
} from '@stems/provider/proof'
import { MARK } from '@stems/queue/purchases'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { faultOfBody } from './body-shape.ts'
import type { Connections } from './connections.ts'
import type { Keep } from './keep.ts'
import type { IngressMetrics } from './metrics.ts'
import { problemResponse, sendProblem } from './problem.ts'
import type { Strangers } from './strangers.ts'

/** Where callbacks are received. */
export const CALLBACK_URLS = ['/callbacks/separation', '/callbacks/separation/:token']

const RETRY_AFTER_S = '5'

const answerSchema = z.object({ status: z.enum(['accepted', 'duplicate', 'spooled', 'quarantined']) })

const schema = {
  summary: 'Receives the callback of an audio separation',
  description:
    'Answers exactly 200 for everything that is kept. Proof is a token in the URL, or the headers ' +
    'X-Webhook-Timestamp and X-Webhook-Signature; one of them is enough.',
  body: callbackSchema,
  response: {
    200: answerSchema.describe('Kept, durably'),
    400: problemResponse('Not JSON, no readable task id, or nested too deeply'),
    401: problemResponse('Proof missing, wrong or too old'),
    408: problemResponse('The request did not come in time'),
    413: problemResponse('Larger than 256 KiB'),
    414: problemResponse('A token longer than any is'),
    415: problemResponse('Not application/json'),
    429: problemResponse('Too many requests without proof from this address; never sent to one with proof'),
    431: problemResponse('Headers larger than 16 KiB'),
    503: problemResponse('Cannot be kept right now; send it again'),
  },
}

export type CallbackRouteOptions = {
  keep: Keep
  secrets: ProofSecrets
  authRequired: boolean
  metrics: IngressMetrics
}

/**
 * `POST /callbacks/separation[/<token>]`.
 *
 * @param strangers counts who is refused without having shown proof
 * @param connections is told whom we wait for
 */
export const addCallbackRoute = (
  app: FastifyInstance,
  options: CallbackRouteOptions,
  strangers: Strangers,
  connections: Connections,
): void => {
  const { keep, secrets, authRequired, metrics } = options

  // Before the body is read: who shows neither a token nor a fresh signature costs us nothing.
  const turnAwayStrangers = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!authRequired || isKnownToken(tokenOf(request), secrets)) {
      request.isAuthenticated = true
      connections.release(request.raw.socket)
    } else if (isFreshlySigned(signatureOf(request), secrets, Date.now())) {
      connections.awaitBody(request.raw.socket)
    } else return await refuseUnproven(request, reply)
  }

  const receive = async (request: FastifyRequest, reply: FastifyReply) => {
    connections.release(request.raw.socket)
    const fault = faultOfBody(request.body)
    if (fault !== undefined) return await refuse('bad_request', request, reply, () => sendProblem(reply, 400, fault))
    try {
      const taskId = readTaskId(request.body)
      const isProven = request.isAuthenticated || isSignedBy(taskId, signatureOf(request), secrets)
      if (!isProven) return await refuseUnproven(request, reply)
      const kept = await keep({
        taskId,
        receivedAt: new Date().toISOString(),
        payload: request.body,
        ...(authRequired ? {} : { isUnproven: true }),
        ...purchaseOf(request),
      })
      metrics.callbacks.inc({ answer: kept })
      request.log.info({ taskId, answer: kept, ms: Math.round(reply.elapsedTime) }, 'callback.answered')
      return await reply.send({ status: kept })
    } catch (error) {
      if (error instanceof UnreadableTaskIdError) {
        const { field, message } = error
        const errors = [{ field, message }]
        const detail = `The callback names no task: ${field}: ${message}.`
        return await refuse('bad_request', request, reply, () => sendProblem(reply, 400, detail, errors))
      }
      metrics.callbacks.inc({ answer: 'unavailable' })
      request.log.warn({ error: (error as Error).message }, 'callback.not_kept')
      reply.header('retry-after', RETRY_AFTER_S)
      return sendProblem(reply, 503, 'The callback can be kept nowhere right now. Send it again.')
    }
  }

  const refuseUnproven = (request: FastifyRequest, reply: FastifyReply) =>
    refuse('unauthorized', request, reply, () =>
      sendProblem(reply, 401, 'The callback is not proven to come from the provider.'),
    )

  const refuse = async (answer: string, request: FastifyRequest, reply: FastifyReply, send: () => FastifyReply) => {
    const isLimited = await strangers.turnAway(request, reply)
    metrics.callbacks.inc({ answer: isLimited ? 'limited' : answer })
    return isLimited ? reply : send()
  }

  for (const url of CALLBACK_URLS) {
    app.post(url, {
      schema,
      // The schema documents; it does not decide. A shape we do not know is kept, not refused.
      validatorCompiler: () => (value) => ({ value }),
      onRequest: turnAwayStrangers,
      handler: receive,
      onResponse: async (_request, reply) => metrics.answerSeconds.observe(reply.elapsedTime / 1000),
    })
  }
}

const tokenOf = (request: FastifyRequest): string | undefined => {
  const { token: inPath } = request.params as { token?: string }
  const { token: inQuery } = request.query as { token?: string | string[] }
  return inPath ?? (typeof inQuery === 'string' ? inQuery : undefined)
}

// The mark of the purchase that a callback answers, where its URL bears one.
const purchaseOf = ({ query }: FastifyRequest): { purchase?: string } => {
  const { purchase } = query as { purchase?: string | string[] }
  return typeof purchase === 'string' && MARK.test(purchase) ? { purchase } : {}
}

const signatureOf = ({ headers }: FastifyRequest): SignatureHeaders => ({
  timestamp: single(headers['x-webhook-timestamp']),
  signature: single(headers['x-webhook-signature']),
})

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? undefined : header
