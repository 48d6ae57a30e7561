import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StemError } from '@stems/domain/errors'
import type { UrlGuard } from '@stems/outgoing/url-guard'
import type { Part, Remains } from '@stems/store/stem-store'
import got, { type Request } from 'got'
import { explainFailure, explainStatus } from './download-errors.ts'

export type DownloadLimits = {
  /** Cap per file. */
  maxBytes: number
  /** No byte for this long: the attempt fails. */
  stallMs: number
  /** The attempt fails too when less than this comes in such a time: a trickle would hold its place for days. */
  trickle?: { bytes: number; ms: number }
}

const TRICKLE = { bytes: 64 * 1024, ms: 60_000 }

/** What came. */
export type Download = { bytes: number; sha256: string }

export type DownloadOptions = {
  signal: AbortSignal
  /** `total` is null where the far side does not say. */
  progress: (bytes: number, total: number | null) => void
}

/** Streams files to where they are wanted; never holds one in memory. One request per call: the queue retries. */
export const createDownload = (guard: UrlGuard, { maxBytes, stallMs, trickle = TRICKLE }: DownloadLimits) => {
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

  const fetchInto = async (
    link: string,
    part: Part,
    options: DownloadOptions,
    remains?: Remains,
  ): Promise<Download> => {
    const { signal, progress } = options
    let asked = new URL(link)
    let bytes = 0
    let request: Request | undefined
    let target: Writable | undefined
    try {
      guard.check(asked)
      const followTo = (url: URL) => {
        asked = url
        guard.check(url)
      }
      request = client.stream(asked, {
        signal,
        headers: remains ? { range: `bytes=${remains.bytes}-`, 'if-range': remains.validator } : {},
        hooks: { beforeRedirect: [({ url }) => followTo(new URL(url as URL))] },
      })
      request.on('error', ignore) // the pipeline reports it; before the pipeline nobody would
      const [response] = (await once(request, 'response', { signal })) as [IncomingMessage]
      const { from, total } = placeInFile(response, remains, maxBytes)
      const hash = createHash('sha256')
      if (from > 0) await pipeline(part.read(from), hash, { end: false, signal })
      const validator = validatorOf(response)
      if (validator) await part.note(from, link, validator)
      bytes = from
      const isTrickling = trickleWatch(trickle)
      const meter = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length
          if (bytes > maxBytes) return done(tooLarge(maxBytes))
          if (isTrickling(chunk.length)) return done(tooSlow(asked.host, bytes))
          hash.update(chunk)
          progress(bytes, total)
          done(null, chunk)
        },
      })
      target = part.writable(from)
      await pipeline(request, meter, target, { signal })
      if (bytes === 0) throw new StemError('truncated', 'later', `${asked.host} sent an empty file.`)
      if (total !== null && bytes !== total) {
        throw new StemError('truncated', 'later', `${asked.host} promised ${total} bytes and sent ${bytes}.`)
      }
      return { bytes, sha256: hash.digest('hex') }
    } catch (error) {
      request?.destroy()
      target?.destroy()
      if (signal.aborted) throw new StemError('interrupted', 'later', `the download was interrupted: ${signal.reason}.`)
      throw error instanceof CannotContinueError ? error : explainFailure(error, asked, bytes)
    }
  }

  /**
   * Fetches a file, from where an earlier attempt stopped if the far side allows it.
   *
   * @param link where the file is
   * @param part takes the bytes
   * @throws {StemError}
   */
  return async (link: string, part: Part, options: DownloadOptions): Promise<Download> => {
    const remains = await part.takeOver(link)
    try {
      return await fetchInto(link, part, options, remains)
    } catch (error) {
      if (error instanceof CannotContinueError) return fetchInto(link, part, options)
      throw error
    }
  }
}

export type DownloadFile = ReturnType<typeof createDownload>

// The far side has another file by now, or answers ranges wrongly: nothing is lost, the file is fetched from its start.
class CannotContinueError extends Error {}

/** Where in the file the bytes of an answer belong, and how long the whole file is. */
const placeInFile = (
  { statusCode = 0, headers }: IncomingMessage,
  remains: Remains | undefined,
  maxBytes: number,
): { from: number; total: number | null } => {
  const length = headers['content-length'] === undefined ? null : Number(headers['content-length'])
  if (statusCode === 200) {
    if (length !== null && length > maxBytes) throw tooLarge(maxBytes)
    return { from: 0, total: length }
  }
  if (!remains) throw explainStatus(statusCode, headers['retry-after']) // a part that nobody asked for is no file
  if (statusCode === 416) throw new CannotContinueError()
  if (statusCode !== 206) throw explainStatus(statusCode, headers['retry-after'])
  const [, first, last, whole] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
  const total = Number(whole)
  if (Number(first) !== remains.bytes || Number(last) !== total - 1) throw new CannotContinueError()
  if (total > maxBytes) throw tooLarge(maxBytes)
  return { from: remains.bytes, total }
}

// A weak ETag does not promise the same bytes, and an encoded body is not the file.
const validatorOf = ({ headers }: IncomingMessage): string | undefined => {
  if (headers['content-encoding']) return undefined
  if (headers.etag && !headers.etag.startsWith('W/')) return headers.etag
  return headers.etag ? undefined : headers['last-modified']
}

const trickleWatch = ({ bytes, ms }: { bytes: number; ms: number }) => {
  let since = performance.now()
  let came = 0
  return (chunkBytes: number): boolean => {
    came += chunkBytes
    if (performance.now() - since < ms) return false
    const isTrickling = came < bytes
    since = performance.now()
    came = 0
    return isTrickling
  }
}

const tooSlow = (host: string, bytes: number) =>
  new StemError('stalled', 'later', `${host} sends so slowly that it would take days, after ${bytes} bytes.`)

const tooLarge = (maxBytes: number) =>
  new StemError('too_large', 'never', `the file is larger than DOWNLOAD_MAX_BYTES (${maxBytes}). Raise it and replay.`)

const ignore = () => {}
