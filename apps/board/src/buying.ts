import { createHostAsk } from '@stems/outgoing/host-ask'
import { createProviderApi } from '@stems/provider/provider-api'
import type { ProviderName } from '@stems/provider/provider-name'
import { createPurchaseClient } from '@stems/provider/purchase'
import { createPurchases, type PurchasesOptions } from '@stems/queue/purchases'
import { type AskLimitOptions, createAskLimit } from '@stems/queue/rate-limit'
import type { Purchase } from './register-route.ts'

/** Where separations are bought. */
export type Shop = {
  provider: ProviderName
  apiUrl: string
  apiKey: string
  /** Where the world reaches ingress. */
  publicUrl: string
  /** One of ingress' tokens. */
  token: string | undefined
  allowPrivate: boolean
}

export type BuyingOptions = Omit<PurchasesOptions, 'buy'> & {
  shop: Shop
  /** Where turns are taken: the provider allows only so many requests a second. */
  turns: Pick<AskLimitOptions, 'redis' | 'prefix'>
}

/** Buys separations whose callbacks come to this system's ingress. */
export const createBuying = ({ shop, turns, ...room }: BuyingOptions): { purchase: Purchase; close: () => void } => {
  const { provider, apiUrl, apiKey, publicUrl, token, allowPrivate } = shop
  const ask = createHostAsk({ url: apiUrl, allowPrivate, setting: 'PROVIDER_API_URL', before: createAskLimit(turns) })
  const { buy } = createProviderApi({ provider, apiUrl, apiKey, ask })
  return createPurchases({ ...room, buy: createPurchaseClient({ buy, publicUrl, token }) })
}
