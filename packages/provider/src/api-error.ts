import type { Verdict } from '@stems/domain/errors'
import type { ProviderName } from './provider-name.ts'

/**
 * Why the provider's API did not do what it was asked.
 * - `bad_key`: it refuses the key. `no_credits`: nothing can be bought. `refused`: it will not answer otherwise.
 * - `rate_limited`, `maintenance`, `unavailable`: it cannot right now.
 * - `unreadable`: its answer is none that we know.
 */
export type ApiProblem =
  | 'bad_key'
  | 'no_credits'
  | 'rate_limited'
  | 'maintenance'
  | 'unavailable'
  | 'refused'
  | 'unreadable'

/** The provider's API did not tell. `never`: it will not tell this key; `later`: asking again may help. */
export class ProviderApiError extends Error {
  readonly problem: ApiProblem
  readonly verdict: Extract<Verdict, 'never' | 'later'>
  /** The provider asked for this much patience, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    problem: ApiProblem,
    message: string,
    { retryAfterMs, ...options }: ErrorOptions & { retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options)
    this.name = 'ProviderApiError'
    this.problem = problem
    this.verdict = PERMANENT.has(problem) ? 'never' : 'later'
    this.retryAfterMs = retryAfterMs
  }
}

const PERMANENT: ReadonlySet<ApiProblem> = new Set(['bad_key', 'no_credits', 'refused'])

/**
 * What a code means that is not 200. The same number says different things at different providers.
 * Source: the tables of codes on the pages of kie.ai and sunoapi.org.
 *
 * @param code of the body where there is one, else the HTTP status
 */
export const problemOf = (provider: ProviderName, code: number): ApiProblem => {
  const known = CODES[provider][code] ?? COMMON_CODES[code]
  if (known) return known
  if (code === 408 || code >= 500) return 'unavailable'
  return code >= 400 ? 'refused' : 'unreadable'
}

const COMMON_CODES: Record<number, ApiProblem> = {
  401: 'bad_key',
  402: 'no_credits',
  403: 'bad_key',
  430: 'rate_limited',
  455: 'maintenance',
}

const CODES: Record<ProviderName, Record<number, ApiProblem>> = {
  kie: { 429: 'rate_limited' },
  sunoapi: { 405: 'rate_limited', 429: 'no_credits' },
}

/** What a problem is called, for people. */
export const problemInWords: Record<ApiProblem, string> = {
  bad_key: 'the provider refuses PROVIDER_API_KEY',
  no_credits: "the provider's account has no credits left",
  rate_limited: 'the provider says that it is asked too often',
  maintenance: "the provider's API is under maintenance",
  unavailable: "the provider's API is in trouble",
  refused: "the provider's API refuses the request",
  unreadable: "the provider's API answered something that we cannot read: check PROVIDER_API_URL",
}
