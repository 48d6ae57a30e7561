import { Readable } from 'node:stream'
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { StemError } from '@stems/domain/errors'
import { isPassing, isPreconditionFailed } from './s3-errors.ts'
import type { ByteRange } from './stem-store.ts'

const TRIES = 3

export type S3StreamOptions = {
  client: S3Client
  bucket: string
  key: string
  /** The object must still be this one. */
  etag: string
  range: ByteRange
  explain: (error: unknown) => unknown
}

/**
 * Streams a range of an object. A connection that breaks on the way is made again from the byte where it broke; servers
 * also cut readers who pause for long.
 */
export const streamObject = (options: S3StreamOptions): Readable =>
  Readable.from(bytesOf(options), { objectMode: false })

async function* bytesOf({ client, bucket, key, etag, range, explain }: S3StreamOptions): AsyncGenerator<Buffer> {
  let position = range.first
  let body: Readable | undefined
  let chunks: AsyncIterator<Buffer> | undefined
  let failures = 0

  const drop = (): void => {
    body?.destroy()
    body = undefined
    chunks = undefined
  }

  const next = async (): Promise<Buffer> => {
    for (;;) {
      try {
        chunks ??= await get()
        const { value, done } = await chunks.next()
        if (done) throw Object.assign(new Error('the object ended early'), { code: 'ECONNRESET' })
        failures = 0
        return value
      } catch (error) {
        drop()
        if (isPreconditionFailed(error)) throw changed(key)
        failures++
        if (failures >= TRIES || !isPassing(error)) throw explain(error)
      }
    }
  }
  const get = async (): Promise<AsyncIterator<Buffer>> => {
    const Range = `bytes=${position}-${range.last}`
    const found = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: etag, Range }))
    body = found.Body as Readable
    return body[Symbol.asyncIterator]()
  }

  try {
    while (position <= range.last) {
      const chunk = await next()
      position += chunk.length
      yield chunk
    }
  } finally {
    drop()
  }
}

const changed = (key: string) => new StemError('store', 'later', `${key} was replaced while it was being read.`)
