import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { StemError } from '@stems/domain/errors'
import type { Answer, Client } from '@stems/outgoing/client'
import type { Part, Remains } from '@stems/store/stem-store'
import { explainFailure, explainStatus } from './download-errors.ts'

export type DownloadLimits = {
  /** Cap per file. */
  maxBytes: number
  /** No byte for this long: the attempt fails. */
  stallMs: number
  /** The attempt fails too when less than this comes in such a time: a trickle would hold its place for days. */
  trickle?: { bytes: number; ms: number }
}

const MOST_REDIRECTS = 5
const TRICKLE = { bytes: 64 * 1024, ms: 60_000 }

/** What came. */
export type Download = { bytes: number; sha256: string }

export type DownloadOptions = {
  signal: AbortSignal
  /** `total` is null where the far side does not say. */
  progress: (bytes: number, total: number | null) => void
}

/** Streams files to where they are wanted; never holds one in memory. One request per call: the queue retries. */
export const createDownload = (client: Client, { maxBytes, stallMs, trickle = TRICKLE }: DownloadLimits) => {
  const timeouts = { idleMs: stallMs }

  const fetchInto = async (
    link: string,
    part: Part,
    options: DownloadOptions,
    remains?: Remains,
  ): Promise<Download> => {
    const { signal, progress } = options
    const url = new URL(link)
    let bytes = 0
    let answer: Answer | undefined
    try {
      const headers = remains ? { range: `bytes=${remains.bytes}-`, 'if-range': remains.validator } : {}
      answer = await client.request(url, { headers, signal, redirects: MOST_REDIRECTS, timeouts })
      const { host } = answer.url
      const { from, total } = placeInFile(answer, remains, maxBytes)
      const hash = createHash('sha256')
      if (from > 0) await pipeline(part.read(from), hash, { end: false, signal })
      await part.note(from, link, validatorOf(answer))
      bytes = from
      const isTrickling = trickleWatch(trickle)
      const readBody = async function* (body: AsyncIterable<Buffer>) {
        try {
          for await (const chunk of body) {
            bytes += chunk.length
            if (bytes > maxBytes) throw tooLarge(maxBytes)
            if (isTrickling(chunk.length)) throw tooSlow(host, bytes)
            hash.update(chunk)
            progress(bytes, total)
            yield chunk
          }
        } catch (error) {
          throw explainFailure(error, bytes) // here, or the store would take it for its own
        }
      }
      await part.write(readBody(answer.body), from)
      if (bytes === 0) throw new StemError('truncated', 'later', `${host} sent an empty file.`)
      if (total !== null && bytes !== total) {
        throw new StemError('truncated', 'later', `${host} promised ${total} bytes and sent ${bytes}.`)
      }
      return { bytes, sha256: hash.digest('hex') }
    } catch (error) {
      answer?.body.destroy()
      if (signal.aborted) throw new StemError('interrupted', 'later', `the download was interrupted: ${signal.reason}.`)
      throw error instanceof CannotContinueError ? error : explainFailure(error, bytes)
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
  { status, headers, url: { host } }: Answer,
  remains: Remains | undefined,
  maxBytes: number,
): { from: number; total: number | null } => {
  const length = headers['content-length'] === undefined ? null : Number(headers['content-length'])
  if (status === 200) {
    if (length !== null && length > maxBytes) throw tooLarge(maxBytes)
    return { from: 0, total: length }
  }
  if (!remains) throw explainStatus(status, host, headers['retry-after']) // a part that nobody asked for is no file
  if (status === 416) throw new CannotContinueError()
  if (status !== 206) throw explainStatus(status, host, headers['retry-after'])
  const [, first, last, whole] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
  const total = Number(whole)
  if (Number(first) !== remains.bytes || Number(last) !== total - 1) throw new CannotContinueError()
  if (total > maxBytes) throw tooLarge(maxBytes)
  return { from: remains.bytes, total }
}

// A weak ETag does not promise the same bytes, and an encoded body is not the file.
const validatorOf = ({ headers }: Answer): string | undefined => {
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
