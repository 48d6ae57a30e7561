import { BlockedUrlError } from '@stems/domain/errors'
import { createAsk } from '@stems/outgoing/ask'
import { createClient } from '@stems/outgoing/client'
import { createUrlGuard } from '@stems/outgoing/url-guard'
import { type Ask, createRecordInfo } from '@stems/provider/record-info'
import type { NoticeBlocked } from './notice-blocked.ts'

const LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 15_000 }

export type ProviderApiOptions = {
  apiUrl: string
  apiKey: string
  allowPrivate: boolean
  noticeBlocked: NoticeBlocked
}

/** The provider's API, asked under the same guard as every other request, and at its own host only. */
export const createProviderApi = ({ apiUrl, apiKey, allowPrivate, noticeBlocked }: ProviderApiOptions) => {
  const { hostname, port } = new URL(apiUrl)
  const guard = createUrlGuard({
    allowedHosts: [hostname],
    allowedPorts: [Number(port || 443)],
    allowPrivate,
    settingNames: { hosts: 'PROVIDER_API_URL', ports: 'PROVIDER_API_URL' },
  })
  const askUnwatched = createAsk(createClient(guard), LIMITS)
  const ask: Ask = async (question) => {
    try {
      return await askUnwatched(question)
    } catch (error) {
      if (error instanceof BlockedUrlError) noticeBlocked(error, { api: 'provider' })
      throw error
    }
  }
  return { readRecord: createRecordInfo({ apiUrl, apiKey, ask }) }
}
