import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StemError } from '@stems/domain/errors'
import got, { type Request } from 'got'
import { explainFailure, explainStatus } from './download-errors.ts'
import type { UrlGuard } from './url-guard.ts'

export type DownloadLimits = {
  /** Cap per file. */
  maxBytes: number
  /** No byte for this long: the attempt fails. */
  stallMs: number
}

/** What came. */
export type Download = { bytes: number; sha256: string }

export type DownloadOptions = {
  signal: AbortSignal
  /** `total` is null where the far side does not say. */
  progress: (bytes: number, total: number | null) => void
}

/** Streams files to where they are wanted; never holds one in memory. One request per call: the queue retries. */
export const createDownload = (guard: UrlGuard, { maxBytes, stallMs }: DownloadLimits) => {
  const client = got.extend({
    ...(guard.agents ? { agent: guard.agents } : {}),
    retry: { limit: 0 },
    throwHttpErrors: false, // got would read an error's body into memory, however long
    decompress: false,
    maxRedirects: 5,
    // The provider's CDN turns some default user agents away. What is compressed cannot be compared with its length.
    headers: { 'user-agent': 'Mozilla/5.0 (compatible; Stemkeeper/1.0)', 'accept-encoding': 'identity', accept: '*/*' },
    // `socket` is the idle timer; `read` would limit the whole body.
    timeout: { lookup: 10_000, connect: 10_000, secureConnect: 10_000, response: stallMs, socket: stallMs },
  })

  /**
   * @param link where the file is
   * @param target takes the bytes
   * @throws {StemError}
   */
  return async (link: string, target: Writable, { signal, progress }: DownloadOptions): Promise<Download> => {
    let asked = new URL(link)
    let bytes = 0
    let request: Request | undefined
    target.on('error', ignore) // the pipeline reports it; before the pipeline nobody would
    try {
      guard.check(asked)
      const followTo = (url: URL) => {
        asked = url
        guard.check(url)
      }
      request = client.stream(asked, {
        signal,
        hooks: { beforeRedirect: [({ url }) => followTo(new URL(url as URL))] },
      })
      request.on('error', ignore) // likewise
      const [response] = (await once(request, 'response', { signal })) as [IncomingMessage]
      const total = expectedLength(response, maxBytes)
      const hash = createHash('sha256')
      const meter = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length
          if (bytes > maxBytes) return done(tooLarge(maxBytes))
          hash.update(chunk)
          progress(bytes, total)
          done(null, chunk)
        },
      })
      await pipeline(request, meter, target, { signal })
      if (bytes === 0) throw new StemError('truncated', 'later', `${asked.host} sent an empty file.`)
      if (total !== null && bytes !== total) {
        throw new StemError('truncated', 'later', `${asked.host} promised ${total} bytes and sent ${bytes}.`)
      }
      return { bytes, sha256: hash.digest('hex') }
    } catch (error) {
      request?.destroy()
      target.destroy()
      if (signal.aborted) throw new StemError('interrupted', 'later', `the download was interrupted: ${signal.reason}.`)
      throw explainFailure(error, asked, bytes)
    }
  }
}

export type DownloadFile = ReturnType<typeof createDownload>

const expectedLength = (response: IncomingMessage, maxBytes: number): number | null => {
  // A success that is not 200 (no content, a part that nobody asked for) is no file.
  if (response.statusCode !== 200) throw explainStatus(response.statusCode ?? 0, response.headers['retry-after'])
  const header = response.headers['content-length']
  const length = header === undefined ? null : Number(header)
  if (length !== null && length > maxBytes) throw tooLarge(maxBytes)
  return length
}

const tooLarge = (maxBytes: number) =>
  new StemError('too_large', 'never', `the file is larger than DOWNLOAD_MAX_BYTES (${maxBytes}). Raise it and replay.`)

const ignore = () => {}
