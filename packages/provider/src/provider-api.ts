import { type ApiOptions, createApiRequest } from './api-request.ts'
import { createDownloadUrl } from './download-url.ts'
import { createBuy } from './purchase.ts'
import { createRecordInfo } from './record-info.ts'

/**
 * The provider's API. Each of its functions throws ProviderApiError when the provider does not do what it is asked, and
 * what `ask` throws when it cannot be asked.
 */
export const createProviderApi = (options: ApiOptions) => {
  const request = createApiRequest(options)
  const downloadUrl = createDownloadUrl(request)
  return {
    readRecord: createRecordInfo(request),
    /** A fresh link to the file of another; `undefined` where the provider gives none. Only kie.ai signs links anew. */
    freshLink: async (url: string): Promise<string | undefined> =>
      options.provider === 'kie' ? downloadUrl(url) : undefined,
    buy: createBuy(request),
  }
}

export type ProviderApi = ReturnType<typeof createProviderApi>
