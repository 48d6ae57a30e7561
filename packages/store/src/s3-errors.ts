import { StemError } from '@stems/domain/errors'

/** What the AWS SDK throws: an answer of the server, or the want of one. */
type S3Error = Error & {
  code?: string
  Region?: string
  $metadata?: { httpStatusCode?: number }
  $response?: { headers?: Record<string, string> }
}

/** Is it this answer? HEAD has no body and so no name of its own for what is missing. */
export const isMissing = (error: unknown): boolean => ['NoSuchKey', 'NotFound'].includes((error as S3Error).name)

/** Another object has the name already, or the object is not the one that was meant (RFC 9110, 15.5.13). */
export const isPreconditionFailed = (error: unknown): boolean =>
  (error as S3Error).name === 'PreconditionFailed' || statusOf(error as S3Error) === 412

/** The server does not know what was asked for. */
export const isNotImplemented = (error: unknown): boolean =>
  (error as S3Error).name === 'NotImplemented' || statusOf(error as S3Error) === 501

/** May the same request succeed a moment later? */
export const isPassing = (error: unknown): boolean => {
  const { name, code } = error as S3Error
  const status = statusOf(error as S3Error) ?? 0
  // 409: two conditional writes of one name met, and the server will not say who won (S3, «Conditional writes»).
  if (status >= 500 || status === 429 || status === 409 || name === 'RequestTimeout') return status !== 501
  return name === 'TimeoutError' || NETWORK.includes(code ?? '')
}

const statusOf = ({ $metadata }: S3Error): number | undefined => $metadata?.httpStatusCode

/**
 * Says what is wrong with a bucket, in words; the attempt is made again later, when somebody has mended it.
 *
 * @param place the store, as its owner knows it
 * @returns a function that turns what the SDK says into a StemError and lets every other error be
 */
export const explainS3 =
  (place: string, bucket: string) =>
  (error: unknown): unknown => {
    if (error instanceof StemError || !(error instanceof Error)) return error
    const reason = reasonOf(error, bucket)
    return reason ? new StemError('store', 'later', `the store ${place} ${reason}.`, { cause: error }) : error
  }

const reasonOf = (error: S3Error, bucket: string): string | undefined => {
  const { name, code } = error
  const status = statusOf(error)
  const known = REASONS[name]
  if (known) return `${known} (${name})`
  if (name === 'NoSuchBucket') return `has no bucket ${bucket}: make it, or check STORE_URL and the endpoint (${name})`
  if (ELSEWHERE.includes(name) || status === 301) return `${elsewhere(error)} (${name})`
  if (name === 'TimeoutError' || name === 'AbortError') return 'does not answer: check the endpoint and the network'
  if (NETWORK.includes(code ?? '')) return `cannot be reached: check the endpoint and the network (${code})`
  if (/^Region (is missing|not accepted)/.test(error.message))
    return 'is in no region that the AWS SDK knows: set AWS_REGION'
  if (/^(CERT_|ERR_TLS_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code ?? ''))
    return `shows a certificate that is not trusted (${code})`
  if (status === undefined) return undefined
  if (status === 403) return `${REASONS.AccessDenied} (403)`
  if (status === 404) return `knows nothing by that name: check STORE_URL and the endpoint (${name})`
  if (status >= 500 || status === 429) return `is overloaded or out of order (${name}, ${status})`
  return `refused a request (${name}, ${status}): ${error.message}`
}

const elsewhere = ({ Region, $response }: S3Error): string => {
  const region = Region ?? $response?.headers?.['x-amz-bucket-region']
  return `is in another region: set AWS_REGION${region ? ` to ${region}` : ''}`
}

const ELSEWHERE = ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']

const KEYS = 'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'

const REASONS: Record<string, string> = {
  InvalidAccessKeyId: `does not know the access key: ${KEYS}`,
  SignatureDoesNotMatch: `does not accept the secret key: ${KEYS}`,
  CredentialsProviderError: `cannot be used without credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
  ExpiredToken: 'does not accept the session token any more: it has expired',
  InvalidToken: 'does not accept the session token: check AWS_SESSION_TOKEN',
  AccessDenied: 'may not be used with these credentials: check what they are permitted',
  AllAccessDisabled: 'has been switched off by its owner',
  RequestTimeTooSkewed: 'has another time than this machine: set its clock',
  QuotaExceeded: 'is over its quota: free some space',
  QuotaExceededException: 'is over its quota: free some space',
  XMinioStorageFull: 'is full: free some space',
  InsufficientStorage: 'is full: free some space',
  EntityTooLarge: 'takes no file of that size',
  SlowDown: 'asks for fewer requests',
  BadDigest: 'received other bytes than were sent',
  XAmzContentChecksumMismatch: 'received other bytes than were sent',
}

const NETWORK = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
]
