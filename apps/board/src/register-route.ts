import { ORDER_TYPES, type Order } from '@stems/domain/purchase'
import { taskIdSchema } from '@stems/domain/task-id'
import { ProviderApiError } from '@stems/provider/api-error'
import type { PurchaseAnswer } from '@stems/queue/purchases'
import { orQueueAway, QueueAwayError } from '@stems/queue/queue-away-error'
import type { ExpectAnswer, Submitter } from '@stems/queue/submit'
import type { StemStore } from '@stems/store/stem-store'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { sendFailure } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import { actionProblems, PROBLEM_TYPES, problemResponse } from './problem.ts'

const BODY_LIMIT_BYTES = 16 * 1024

const expectationSchema = z
  .strictObject({ task_id: taskIdSchema })
  .describe('A task that was bought elsewhere. If its callback does not come, its result is asked for')

const orderSchema = z
  .strictObject({
    source_task_id: taskIdSchema.describe('The task that made the song'),
    audio_id: taskIdSchema,
    type: z.enum(ORDER_TYPES),
    stem_name: z.string().min(1).max(64).optional(),
    again: z.boolean().default(false).describe('Buys although the same was bought, or may have been bought, before'),
  })
  .describe('A separation to buy. It costs money each time')

/** Buys a separation and registers its task. Throws ProviderApiError when it is certain that nothing was bought. */
export type Purchase = (order: Order, options: { again: boolean }) => Promise<PurchaseAnswer>

export type RegisterOptions = {
  submitter: Pick<Submitter, 'expect'>
  store: Pick<StemStore, 'readManifest'>
  /** `undefined` where the provider's API is not configured. */
  purchase: Purchase | undefined
}

const schema = {
  summary: 'Registers a separation that was bought elsewhere, or buys one',
  description: 'Both may be sent again: a task is registered once, and the same track and type is bought once.',
  body: z.union([expectationSchema, orderSchema]),
  response: {
    202: z.object({
      task_id: z.string(),
      status: z
        .enum(['expected', 'known', 'bought'])
        .describe('`known`: its callback has come already. `bought`: now, and it is expected'),
      registered: z
        .literal(false)
        .optional()
        .describe(
          'With `bought`: Redis went away after the purchase. It is expected as soon as Redis is back; register it to be sure',
        ),
    }),
    400: problemResponse('Not JSON, or a field that makes no sense; `errors` names it'),
    402: problemResponse("The provider's account has no credits left; nothing was bought"),
    409: problemResponse(
      `Bought before (\`${PROBLEM_TYPES.alreadyBought}\`, with its \`task_id\`), or being bought by another request ` +
        `(\`${PROBLEM_TYPES.beingBought}\`)`,
    ),
    413: problemResponse('Larger than 16 KiB'),
    415: problemResponse('Not application/json'),
    422: problemResponse('The provider refuses the order; nothing was bought'),
    501: problemResponse('The board is not configured to buy'),
    502: problemResponse("The provider's API is in trouble, or refuses our key; nothing was bought"),
    504: problemResponse(
      `\`${PROBLEM_TYPES.mayHaveBeenBought}\`: the order was sent, and nobody knows what became of it. Its callback tells`,
    ),
    ...actionProblems,
  },
}

/** Adds the form of the library that registers a task, and `POST /api/separations`. */
export const addRegisterRoutes = (app: DocumentedApp, options: RegisterOptions): void => {
  app.post('/separations', async (request, reply) => {
    const form = z.object({ task_id: z.string().trim().pipe(taskIdSchema) }).safeParse(request.body)
    if (!form.success) return sendFailure(request, reply, 400, 'A task id is 1 to 128 of A-Z a-z 0-9 _ and -.')
    await register(request, options, form.data.task_id)
    return reply.redirect('/', 303)
  })
  app.post(
    '/api/separations',
    {
      schema,
      bodyLimit: BODY_LIMIT_BYTES,
      onRequest: refuseForms,
      validatorCompiler: (route) => (body) => validatorCompiler({ ...route, schema: formOf(body) })(body),
    },
    async (request, reply) => {
      const { body } = request
      if ('task_id' in body) {
        const status = await register(request, options, body.task_id)
        return reply.code(202).send({ task_id: body.task_id, status })
      }
      if (!options.purchase) return sendFailure(request, reply, 501, NOT_CONFIGURED)
      return buy(request, reply, options.purchase, body)
    },
  )
}

// Which of the two forms is meant is told by what is there, so that each is refused in its own words.
const formOf = (body: unknown) =>
  ['source_task_id', 'audio_id', 'type'].some((name) => Object.hasOwn(Object(body), name))
    ? orderSchema
    : expectationSchema

// Pages have a form of their own. The others' bodies are parsed for them only.
const refuseForms = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> =>
  /^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '')
    ? sendFailure(request, reply, 415, 'Send JSON, with the content type application/json.')
    : undefined

const NOT_CONFIGURED =
  'This board buys nothing: PROVIDER_API_URL, PROVIDER_API_KEY and PUBLIC_URL must be set for it. Buy elsewhere and send the task_id.'

const register = async (
  request: FastifyRequest,
  { submitter, store }: RegisterOptions,
  taskId: string,
): Promise<ExpectAnswer> => {
  const isStored = async () => (await store.readManifest(taskId))?.status === 'complete'
  const status = await orQueueAway(submitter.expect(taskId, isStored))
  request.log.info({ taskId, status }, 'separation.registered')
  return status
}

const buy = async (
  request: FastifyRequest,
  reply: FastifyReply,
  purchase: Purchase,
  { source_task_id, audio_id, type, stem_name, again }: z.output<typeof orderSchema>,
): Promise<FastifyReply> => {
  const order = { sourceTaskId: source_task_id, audioId: audio_id, type, stemName: stem_name }
  try {
    const answer = await purchase(order, { again })
    request.log.info({ sourceTaskId: source_task_id, audioId: audio_id, type, answer }, 'separation.purchase')
    if (answer.status === 'bought') {
      if (!answer.isRegistered) request.log.warn({ taskId: answer.taskId }, 'separation.bought_without_redis')
      const unregistered = answer.isRegistered ? {} : { registered: false as const }
      return reply.code(202).send({ task_id: answer.taskId, status: 'bought', ...unregistered })
    }
    return sendUnsold(request, reply, answer)
  } catch (error) {
    if (!(error instanceof ProviderApiError)) throw new QueueAwayError(error) // the provider was not asked
    request.log.warn({ problem: error.problem, error: error.message }, 'separation.not_bought')
    if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000))
    return sendFailure(request, reply, STATUSES[error.problem], `Nothing was bought: ${error.message}`)
  }
}

const STATUSES: Record<ProviderApiError['problem'], number> = {
  no_credits: 402,
  refused: 422,
  bad_key: 502,
  unavailable: 502,
  unreadable: 502,
  rate_limited: 503,
  maintenance: 503,
}

const AGAIN = 'To buy it all the same, send "again": true.'

const sendUnsold = (request: FastifyRequest, reply: FastifyReply, answer: PurchaseAnswer): FastifyReply => {
  if ('taskId' in answer) {
    const detail = `This track and type was bought before, as task ${answer.taskId}. ${AGAIN}`
    return sendFailure(request, reply, 409, detail, { type: PROBLEM_TYPES.alreadyBought, task_id: answer.taskId })
  }
  if (answer.status === 'buying') {
    const detail = 'Another request is buying the same right now. Send this one again to learn its task id.'
    return sendFailure(request, reply, 409, detail, { type: PROBLEM_TYPES.beingBought })
  }
  const detail = `Since ${answer.since}: ${answer.why} If it was bought, its callback says so, and it appears by itself. ${AGAIN}`
  return sendFailure(request, reply, 504, detail, { type: PROBLEM_TYPES.mayHaveBeenBought })
}
