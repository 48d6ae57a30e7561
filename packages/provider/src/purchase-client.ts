import type { Order, PurchaseOutcome } from '@stems/domain/purchase'
import { MaybeBoughtError, type OrderRequest } from './purchase.ts'

export type PurchaseClientOptions = {
  /** Buys, as `createBuy` says. */
  buy: (order: OrderRequest) => Promise<string>
  /** Where the world reaches ingress: `https://stems.example.com`, or with a path. */
  publicUrl: string
  /** One of ingress' CALLBACK_TOKENS. */
  token: string | undefined
}

/**
 * Buys separations whose callbacks come to this system. Each callback URL carries the idempotency key of its purchase, so
 * that the callback settles a purchase that the provider did not answer.
 *
 * @returns a function that throws {@link ProviderApiError} when it is certain that nothing was bought
 */
export const createPurchaseClient =
  ({ buy, publicUrl, token }: PurchaseClientOptions) =>
  async (order: Order, idempotencyKey: string): Promise<PurchaseOutcome> => {
    const callBackUrl = callbackUrl(publicUrl, token)
    callBackUrl.searchParams.set('purchase', idempotencyKey)
    try {
      return { kind: 'bought', taskId: await buy({ ...order, callBackUrl: callBackUrl.href }) }
    } catch (error) {
      if (error instanceof MaybeBoughtError) return { kind: 'maybe', why: error.message }
      throw error
    }
  }

const callbackUrl = (publicUrl: string, token: string | undefined): URL => {
  const url = new URL(publicUrl)
  const path = ['callbacks/separation', ...(token ? [encodeURIComponent(token)] : [])].join('/')
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`
  return url
}
