import { z } from 'zod'
import { flag, list, webAddress } from './variables.ts'

/** What those who ask the provider's API read. */
export const providerVariables = {
  PROVIDER: z.enum(['kie', 'sunoapi'], 'must be kie or sunoapi').optional(),
  PROVIDER_API_URL: webAddress('https://api.kie.ai'),
  PROVIDER_API_KEY: z.string().optional(),
  DOWNLOAD_ALLOW_PRIVATE: flag().default(false),
}

/** What those who buy separations read besides: the callback must find its way to us. */
export const buyerVariables = {
  ...providerVariables,
  PUBLIC_URL: webAddress('https://stems.example.com'),
  CALLBACK_TOKENS: list(),
}

type Given = { PROVIDER_API_URL?: string | undefined; DOWNLOAD_ALLOW_PRIVATE?: string | undefined }

/** What is wrong with variables that are each right by themselves: problems for {@link readEnvironment}. */
export const providerProblems = (given: Given): string[] => {
  const isBare = given.PROVIDER_API_URL?.startsWith('http:') && given.DOWNLOAD_ALLOW_PRIVATE !== 'true'
  return isBare ? ['PROVIDER_API_URL: must be https, or the key would travel in the clear'] : []
}
