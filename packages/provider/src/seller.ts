import { MaybeBoughtError, type Order } from './purchase.ts'

export type SellerOptions = {
  /** Buys, as `createBuy` says. */
  buy: (order: Order) => Promise<string>
  /** Where the world reaches ingress: `https://stems.example.com`, or with a path. */
  publicUrl: string
  /** One of ingress' CALLBACK_TOKENS. */
  token: string | undefined
}

/** What is bought; where its callback goes is our own matter. */
export type SellerOrder = Omit<Order, 'callBackUrl'>

/** How it ended, as far as anybody knows. */
export type Sale = { kind: 'bought'; taskId: string } | { kind: 'maybe'; why: string }

/**
 * Buys separations whose callbacks come to us, each with a mark of its own: what the provider did not answer at once, its
 * callback tells.
 *
 * @returns a function that throws {@link ProviderApiError} when it is certain that nothing was bought
 */
export const createSeller =
  ({ buy, publicUrl, token }: SellerOptions) =>
  async (order: SellerOrder, mark: string): Promise<Sale> => {
    const callBackUrl = callbackUrl(publicUrl, token)
    callBackUrl.searchParams.set('purchase', mark)
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
