import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** The headers of a whole file. */
export const headersOf = (file: Buffer) => ({
  'content-type': 'audio/mpeg',
  'content-length': file.length,
  'accept-ranges': 'bytes',
  etag: etagOf(file),
})

const etagOf = (file: Buffer): string => `"${createHash('sha256').update(file).digest('hex').slice(0, 16)}"`

/** Serves a file. Range as far as a resumed download needs it: one open-ended range, If-Range by ETag (RFC 9110, 13.1.5 and 14). */
export const serveFile = (request: IncomingMessage, response: ServerResponse, file: Buffer): void => {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
  const condition = request.headers['if-range']
  if (from === undefined || (condition !== undefined && condition !== etagOf(file))) {
    response.writeHead(200, headersOf(file)).end(file)
  } else if (Number(from) >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
  } else {
    const rest = file.subarray(Number(from))
    const range = `bytes ${from}-${file.length - 1}/${file.length}`
    response.writeHead(206, { ...headersOf(file), 'content-length': rest.length, 'content-range': range }).end(rest)
  }
}

/** Serves a file as a server that knows neither Range nor ETag. */
export const serveWhole = (response: ServerResponse, file: Buffer): void => {
  response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': file.length }).end(file)
}

/** Serves a whole file at so many bytes a second. */
export const trickle = async (response: ServerResponse, file: Buffer, bytesPerSecond: number): Promise<void> => {
  response.writeHead(200, headersOf(file))
  const step = Math.max(1, Math.round(bytesPerSecond / 10))
  let at = 0
  for (; at + step < file.length && !response.destroyed; at += step) {
    response.write(file.subarray(at, at + step))
    await sleep(100)
  }
  response.end(file.subarray(at)) // who has its last byte is done with it
}
