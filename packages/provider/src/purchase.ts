import { BlockedUrlError } from '@stems/domain/errors'
import type { Order, PurchaseOutcome } from '@stems/domain/purchase'
import { taskIdSchema } from '@stems/domain/task-id'
import { z } from 'zod'
import { ProviderApiError } from './api-error.ts'
import type { ApiReply, ApiRequest } from './api-request.ts'

/** An order as the provider receives it. */
export type OrderRequest = Order & { callBackUrl: string }

/**
 * Buys a separation. It costs money each time. An order that was sent and whose result is unknown is `maybe`: sending it again
 * may cost twice.
 * Source: kie.ai and sunoapi.org, «Separate vocals», `POST /api/v1/vocal-removal/generate`.
 *
 * @returns a function that throws {@link ProviderApiError} when it is certain that nothing was bought
 */
export const createBuy =
  (request: ApiRequest) =>
  async ({ sourceTaskId, ...order }: OrderRequest): Promise<PurchaseOutcome> => {
    const body = { taskId: sourceTaskId, ...order }
    try {
      return readReply(await request('POST', '/api/v1/vocal-removal/generate', { body }))
    } catch (error) {
      if (error instanceof ProviderApiError) throw error // refused, or not even asked
      const { message } = error as Error
      if (isUnsent(error)) throw new ProviderApiError('unavailable', `nothing was bought: ${message}`, { cause: error })
      return maybeBought(`no answer came (${message.replace(/\.$/, '')})`)
    }
  }

const maybeBought = (what: string): PurchaseOutcome => ({
  kind: 'maybe',
  why: `it may have been bought: the order was sent, and ${what}. Look at the provider's account before another try.`,
})

const isUnsent = (error: unknown): boolean =>
  error instanceof BlockedUrlError || (error as { isUnsent?: unknown }).isUnsent === true

const answerSchema = z.looseObject({ taskId: taskIdSchema })

const readReply = (reply: ApiReply): PurchaseOutcome => {
  const { status, code, isReadable, data } = reply
  const taskId = status === 200 && isReadable && code === 200 ? answerSchema.safeParse(data).data?.taskId : undefined
  if (taskId !== undefined) return { kind: 'bought', taskId }
  // A trouble of theirs, or a time-out, may have come after the money was taken: only a refusal says that it was not.
  const isRefusal = code >= 400 && code < 500 && code !== 408
  if (isRefusal && (status !== 200 || isReadable)) throw reply.problem()
  return maybeBought(code === 200 ? 'the answer names no task' : `the answer was ${code}`)
}

export type PurchaseClientOptions = {
  buy: ReturnType<typeof createBuy>
  /** Where the world reaches ingress: `https://stems.example.com`, or with a path. */
  publicUrl: string
  /** One of ingress' CALLBACK_TOKENS. */
  token: string | undefined
}

/**
 * Buys separations whose callbacks come to this system. Each callback URL carries the idempotency key of its purchase, so
 * that the callback settles a purchase that the provider did not answer.
 */
export const createPurchaseClient =
  ({ buy, publicUrl, token }: PurchaseClientOptions) =>
  (order: Order, idempotencyKey: string): Promise<PurchaseOutcome> => {
    const url = new URL(publicUrl)
    const path = ['callbacks/separation', ...(token ? [encodeURIComponent(token)] : [])].join('/')
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`
    url.searchParams.set('purchase', idempotencyKey)
    return buy({ ...order, callBackUrl: url.href })
  }
