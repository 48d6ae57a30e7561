import { BlockedUrlError } from '@stems/domain/errors'
import type { Order } from '@stems/domain/purchase'
import { taskIdSchema } from '@stems/domain/task-id'
import { z } from 'zod'
import { ProviderApiError } from './api-error.ts'
import type { ApiReply, ApiRequest } from './api-request.ts'

/** An order as the provider receives it. */
export type OrderRequest = Order & { callBackUrl: string }

/** An order was sent, and nobody knows what became of it. To send it again may cost twice. */
export class MaybeBoughtError extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(
      `it may have been bought: the order was sent, and ${what}. Look at the provider's account before another try.`,
      options,
    )
    this.name = 'MaybeBoughtError'
  }
}

/**
 * Buys a separation. It costs money each time.
 * Source: kie.ai and sunoapi.org, «Separate vocals», `POST /api/v1/vocal-removal/generate`.
 *
 * @returns for an order the id of its task
 * @throws {ProviderApiError} when it was certainly not bought
 * @throws {MaybeBoughtError} when nobody knows
 */
export const createBuy =
  (request: ApiRequest) =>
  async ({ sourceTaskId, ...order }: OrderRequest): Promise<string> => {
    const body = { taskId: sourceTaskId, ...order }
    const reply = await request('POST', '/api/v1/vocal-removal/generate', { body }).catch((error: unknown) => {
      throw unanswered(error)
    })
    return readReply(reply)
  }

const unanswered = (error: unknown): Error => {
  if (error instanceof ProviderApiError) return error // it was not even asked
  const { message } = error as Error
  if (isUnsent(error)) return new ProviderApiError('unavailable', `nothing was bought: ${message}`, { cause: error })
  return new MaybeBoughtError(`no answer came (${message.replace(/\.$/, '')})`, { cause: error })
}

const isUnsent = (error: unknown): boolean =>
  error instanceof BlockedUrlError || (error as { isUnsent?: unknown }).isUnsent === true

const answerSchema = z.looseObject({ taskId: taskIdSchema })

const readReply = (reply: ApiReply): string => {
  const { status, code, isReadable, data } = reply
  const taskId = status === 200 && isReadable && code === 200 ? answerSchema.safeParse(data).data?.taskId : undefined
  if (taskId !== undefined) return taskId
  // A trouble of theirs, or a time-out, may have come after the money was taken: only a refusal says that it was not.
  const isRefusal = code >= 400 && code < 500 && code !== 408
  if (isRefusal && (status !== 200 || isReadable)) throw reply.problem()
  throw new MaybeBoughtError(code === 200 ? 'the answer names no task' : `the answer was ${code}`)
}
