import { redactLinks } from '@stems/domain/link'
import { parseRetryAfter } from '@stems/domain/retry-after'
import { z } from 'zod'
import { type ApiProblem, ProviderApiError, problemInWords, problemOf } from './api-error.ts'
import type { ProviderName } from './provider-name.ts'

/** Sends one request; its answer is small. What it throws says by `isUnsent: true` that nothing of the request has left. */
export type Ask = (request: {
  method: 'GET' | 'POST'
  url: URL
  headers: Record<string, string>
  body?: string
}) => Promise<{ status: number; text: string; headers?: { 'retry-after'?: string | undefined } }>

export type ApiOptions = {
  provider: ProviderName
  /** `https://api.kie.ai` or the like. */
  apiUrl: string
  apiKey: string
  ask: Ask
}

/** An answer, errors included: they come as HTTP codes, and as HTTP 200 with a code in the body. */
export type ApiReply = {
  status: number
  /** The body's code where the status is 200 and there is one, else the status. */
  code: number
  /** Was the body one of the API's own? */
  isReadable: boolean
  data: unknown
  /** What this means where the code is not 200. */
  problem: () => ProviderApiError
}

/** Asks the provider's API. Throws only what `ask` throws: the reply says what was wrong with the request. */
export const createApiRequest = ({ provider, apiUrl, apiKey, ask }: ApiOptions) => {
  const base = new URL(apiUrl)
  return async (
    method: 'GET' | 'POST',
    path: string,
    { query = {}, body }: { query?: Record<string, string>; body?: Record<string, unknown> },
  ): Promise<ApiReply> => {
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const { status, text, headers } = await ask({
      method,
      url,
      headers: {
        authorization: `Bearer ${apiKey}`,
        accept: 'application/json',
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const answer = readBody(text)
    const code = status === 200 ? (answer?.code ?? status) : status
    const problem = () => {
      const retryAfterMs = parseRetryAfter(headers?.['retry-after'])
      const found = answer ? problemOf(provider, code) : problemOfStranger(code)
      const quoted = answer?.msg ? `: ${quote(answer.msg, [apiKey, ...textsOf(body)])}` : ''
      return new ProviderApiError(found, `${problemInWords[found]} (${code}${quoted})`, { retryAfterMs })
    }
    return { status, code, isReadable: answer !== undefined, data: answer?.data, problem }
  }
}

export type ApiRequest = ReturnType<typeof createApiRequest>

// What stands in front of an API, such as a CDN, turns people away too: that says nothing of the key or the credits.
const problemOfStranger = (status: number): ApiProblem => {
  if (status === 401) return 'bad_key'
  if (status === 429) return 'rate_limited'
  if (status === 455) return 'maintenance'
  return status === 408 || status >= 500 ? 'unavailable' : 'unreadable'
}

const bodySchema = z.looseObject({
  code: z.coerce.number().int(),
  msg: z.string().nullish().catch(undefined),
  data: z.unknown().optional(),
})

const readBody = (text: string): z.infer<typeof bodySchema> | undefined => {
  try {
    return bodySchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // an error page, say
  }
}

const LONGEST_QUOTE = 160

// The provider may repeat what it was sent, and a callback URL has a token in its path.
const quote = (msg: string, secrets: string[]): string =>
  redactLinks(secrets.filter((secret) => secret !== '').reduce((text, secret) => text.replaceAll(secret, '…'), msg))
    .replace(/\s+/g, ' ')
    .slice(0, LONGEST_QUOTE)

const textsOf = (body: Record<string, unknown> = {}): string[] =>
  Object.values(body).filter((value) => typeof value === 'string' && value.includes('://')) as string[]
