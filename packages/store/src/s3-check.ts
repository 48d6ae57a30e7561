import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { isNotImplemented, isPreconditionFailed } from './s3-errors.ts'

// Answers to a probe of readiness must come before whoever asks gives up.
const PATIENCE_MS = 4000
const PROOF_LASTS_MS = 3600_000

export type S3CheckOptions = {
  client: S3Client
  bucket: string
  prefix: string
  /** Called when the server takes no notice of «only if there is none». */
  withoutConditions: () => void
}

/**
 * Proves that a bucket answers and can be listed and, once an hour, that it can be written: an empty object `.writable` is put
 * there if there is none, and a second time, to see whether the server keeps that condition.
 */
export const createS3Check = ({ client, bucket, prefix, withoutConditions }: S3CheckOptions) => {
  let provenAt = Number.NEGATIVE_INFINITY

  // The answer «there is one already» comes to those only who might have written.
  const isWrittenIfNone = async (abortSignal: AbortSignal): Promise<boolean> => {
    const probe = new PutObjectCommand({ Bucket: bucket, Key: `${prefix}.writable`, Body: '', IfNoneMatch: '*' })
    try {
      await client.send(probe, { abortSignal })
      return true
    } catch (error) {
      if (isPreconditionFailed(error)) return false
      if (!isNotImplemented(error)) throw error
      withoutConditions()
      return false
    }
  }

  return async (): Promise<void> => {
    const abortSignal = AbortSignal.timeout(PATIENCE_MS)
    await inTime(
      client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), { abortSignal }),
      abortSignal,
    )
    if (performance.now() - provenAt < PROOF_LASTS_MS) return
    const isFirst = await isWrittenIfNone(abortSignal)
    if (isFirst && (await isWrittenIfNone(abortSignal))) withoutConditions()
    provenAt = performance.now()
  }
}

// The SDK looks for credentials before it looks at the signal.
const inTime = <Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> =>
  new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
