import { createHmac, hash, timingSafeEqual } from 'node:crypto'

/** The secrets of which any one proves that a callback comes from the provider. */
export type ProofSecrets = { tokens: readonly string[]; hmacKeys: readonly string[]; toleranceSeconds: number }

/** The two headers of a signed callback. Source: kie.ai, «Webhook security verification». */
export type SignatureHeaders = { timestamp: string | undefined; signature: string | undefined }

/**
 * Is it one of the tokens? Takes the same time for every wrong one, and looks at all of them.
 *
 * @param presented what the caller put into the URL
 */
export const isKnownToken = (presented: string | undefined, { tokens }: ProofSecrets): boolean =>
  presented !== undefined && tokens.map((token) => sameText(token, presented)).includes(true)

/**
 * Could these headers prove a callback once its body is read? Tells a flood of unsigned requests from the provider
 * before a byte of the body is taken in.
 *
 * @param now milliseconds since 1970
 */
export const isFreshlySigned = (headers: SignatureHeaders, secrets: ProofSecrets, now: number): boolean => {
  if (secrets.hmacKeys.length === 0 || !headers.signature || !/^\d{1,12}$/.test(headers.timestamp ?? '')) return false
  return Math.abs(now / 1000 - Number(headers.timestamp)) <= secrets.toleranceSeconds
}

/**
 * Is the signature `base64(HMAC-SHA256(key, task_id + "." + timestamp))` under one of the keys?
 * The body is not signed: a verified callback does not make its URLs safe.
 *
 * @param taskId the id that will be processed; no other may be verified in its place
 */
export const isSignedBy = (taskId: string, headers: SignatureHeaders, { hmacKeys }: ProofSecrets): boolean =>
  hmacKeys
    .map((key) => createHmac('sha256', key).update(`${taskId}.${headers.timestamp}`).digest('base64'))
    .map((expected) => sameText(expected, headers.signature ?? ''))
    .includes(true)

// Hashing first makes both sides equally long, which timingSafeEqual demands and a length check would give away.
const sameText = (a: string, b: string): boolean => timingSafeEqual(sha256(a), sha256(b))

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer')
