import { createHostAsk } from '@stems/outgoing/host-ask'
import { createProviderApi as createApi, type ProviderApi } from '@stems/provider/provider-api'
import type { ProviderName } from '@stems/provider/provider-name'
import type { NoticeBlocked } from './notice-blocked.ts'
import type { ProviderGate } from './provider-gate.ts'

export type ProviderApiOptions = {
  provider: ProviderName
  apiUrl: string
  apiKey: string
  allowPrivate: boolean
  noticeBlocked: NoticeBlocked
  /** Waits for a turn: the provider allows only so many requests a second. */
  takeTurn: () => Promise<void>
  gate: ProviderGate
}

/** The provider's API: asked at its own host only, no faster than it allows, and not at all where that is of no use. */
export const createProviderApi = ({
  provider,
  apiUrl,
  apiKey,
  allowPrivate,
  noticeBlocked,
  takeTurn,
  gate,
}: ProviderApiOptions): Omit<ProviderApi, 'buy'> => {
  const ask = createHostAsk({
    url: apiUrl,
    allowPrivate,
    setting: 'PROVIDER_API_URL',
    before: async () => {
      gate.check()
      await takeTurn()
      gate.check() // another question may have met a closed door meanwhile
    },
    onBlocked: (error) => noticeBlocked(error, { api: 'provider' }),
  })
  const { readRecord, freshLink } = createApi({ provider, apiUrl, apiKey, ask })
  return {
    readRecord: gate.watch(readRecord),
    freshLink: gate.watch(freshLink),
  }
}
