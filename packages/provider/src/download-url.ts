import { ProviderApiError, problemInWords } from './api-error.ts'
import type { ApiRequest } from './api-request.ts'

/**
 * Has the provider sign a link to one of its files anew.
 * Source: kie.ai, «Get download URL», `POST /api/v1/common/download-url`; the link is valid for 20 minutes.
 *
 * @returns for a file's URL a fresh one; `undefined` when the file is not, or no longer, the provider's. It throws
 * ProviderApiError when the API does not tell, and what `ask` throws.
 */
export const createDownloadUrl =
  (request: ApiRequest) =>
  async (url: string): Promise<string | undefined> => {
    const reply = await request('POST', '/api/v1/common/download-url', { body: { url } })
    if (reply.code !== 200) {
      const error = reply.problem()
      if (error.problem === 'refused') return undefined // 422 for a foreign URL
      throw error
    }
    if (!reply.isReadable) throw reply.problem()
    const link = typeof reply.data === 'string' ? URL.parse(reply.data.trim())?.href : undefined
    if (link) return link
    if (reply.data === null || reply.data === undefined || reply.data === '') return undefined
    throw new ProviderApiError('unreadable', problemInWords.unreadable)
  }
