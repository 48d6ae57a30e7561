/** The two public gateways: one back end, one family of APIs, and a few differences. */
export type GatewayName = 'kie' | 'sunoapi'

/** Why the gateway does not do what it was asked. */
export type RefusalReason =
  | 'bad_key'
  | 'no_credits'
  | 'rate_limited'
  | 'too_many_submits'
  | 'maintenance'
  | 'server_error'
  | 'not_found'
  | 'invalid'
  | 'malformed'

/** A refusal, which becomes an answer. */
export class Refusal extends Error {
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, message = WORDS[reason]) {
    super(message)
    this.reason = reason
  }
}

const WORDS: Record<RefusalReason, string> = {
  bad_key: 'You do not have access permissions',
  no_credits: 'The current credits are insufficient. Please top up.',
  rate_limited: 'Your call frequency is too high. Please try again later.',
  too_many_submits: 'Your call frequency is too high. Please try again later.',
  maintenance: 'The service is currently undergoing maintenance',
  server_error: 'Server exception, please try again later or contact customer service',
  not_found: 'The requested resource does not exist',
  invalid: 'The request parameters failed validation checks',
  malformed: 'Parameter error',
}

/** The same number means different things at the two gateways: 429 is «too fast» here, and «no credits» there. */
export const codeOf = (gateway: GatewayName, reason: RefusalReason): number => CODES[gateway][reason]

const SHARED = { bad_key: 401, maintenance: 455, server_error: 500, not_found: 404, invalid: 422, malformed: 400 }
const CODES: Record<GatewayName, Record<RefusalReason, number>> = {
  kie: { ...SHARED, no_credits: 402, rate_limited: 429, too_many_submits: 429 },
  sunoapi: { ...SHARED, no_credits: 429, rate_limited: 430, too_many_submits: 405 },
}
