import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { isMissing, isNotImplemented, isPassing, isPreconditionFailed } from './s3-errors.ts'

export type S3UploadOptions = {
  client: S3Client
  bucket: string
  /** Between two tries of one upload, at first. */
  backoffMs?: number
}

const TRIES = 4

type Digests = { bytes: number; sha256: Buffer; md5: Buffer }

/**
 * Uploads files under names that nobody has: of two writers the first wins.
 *
 * One request carries the whole file, which may have 5 GB. It is streamed, its sha256 and MD5 go along for the server to
 * compare, and «only if there is none» holds without a gap.
 */
export const createS3Upload = ({ client, bucket, backoffMs = 500 }: S3UploadOptions) => {
  let takesConditions = true

  const sha256At = async (key: string): Promise<string | undefined> => {
    try {
      const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))
      return Metadata?.sha256 ?? 'unknown'
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  const put = async (path: string, key: string, contentType: string, { bytes, sha256, md5 }: Digests) => {
    const Body = createReadStream(path)
    const params = {
      ...{ Bucket: bucket, Key: key, Body, ContentLength: bytes, ContentType: contentType },
      ...{ ChecksumSHA256: sha256.toString('base64'), ContentMD5: md5.toString('base64') },
      Metadata: { sha256: sha256.toString('hex') },
      ...(takesConditions && { IfNoneMatch: '*' }),
    }
    try {
      await client.send(new PutObjectCommand(params))
    } finally {
      Body.destroy()
    }
  }

  const tryOnce = async (path: string, key: string, contentType: string, digests: Digests): Promise<boolean> => {
    const sha256 = digests.sha256.toString('hex')
    if (!takesConditions) {
      const there = await sha256At(key)
      if (there !== undefined) return there === sha256
    }
    try {
      await put(path, key, contentType, digests)
      return true
    } catch (error) {
      // The answer to an earlier try may have been lost after the bytes had arrived: then they are ours.
      if (isPreconditionFailed(error)) return (await sha256At(key)) === sha256
      throw error
    }
  }

  /**
   * @param path a file on this machine, which nobody changes meanwhile
   * @returns true when the bytes of the file are there under that name, false when other bytes are
   */
  const upload = async (path: string, key: string, contentType: string): Promise<boolean> => {
    const digests = await digestsOf(path)
    for (let tried = 1; ; tried++) {
      try {
        return await tryOnce(path, key, contentType, digests)
      } catch (error) {
        if (takesConditions && isNotImplemented(error)) takesConditions = false
        else if (tried >= TRIES || !isPassing(error)) throw error
        else await wait(backoffMs * 2 ** (tried - 1) * (0.5 + Math.random()))
      }
    }
  }

  return {
    upload,
    /** The server takes no notice of conditions: from now on it is asked what is there before each upload. */
    withoutConditions: (): void => {
      takesConditions = false
    },
  }
}

const digestsOf = async (path: string): Promise<Digests> => {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')]
  let bytes = 0
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length
      sha256.update(chunk)
      md5.update(chunk)
    }
  })
  return { bytes, sha256: sha256.digest(), md5: md5.digest() }
}
