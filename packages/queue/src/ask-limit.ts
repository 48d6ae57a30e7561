import { createRateLimit, type RateLimitOptions } from './rate-limit.ts'

/** kie.ai allows a key ten requests in any second, and any second may touch two windows. */
export const PROVIDER_REQUESTS_PER_SECOND = 5

export type AskLimitOptions = Omit<RateLimitOptions, 'perSecond'>

/**
 * Limits the requests to the provider's API, over all processes.
 *
 * @returns waits until a request may be sent
 */
export const createAskLimit = (options: AskLimitOptions): (() => Promise<void>) => {
  const acquire = createRateLimit({ ...options, perSecond: PROVIDER_REQUESTS_PER_SECOND })
  return () => acquire('provider-api')
}
