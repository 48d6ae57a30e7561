import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileAt, type Mood, moodOf, opensFile, REFUSALS, type Refusal, type Trouble } from './moods.ts'

const SLOW_BYTES_PER_SECOND = 60_000
const ERROR_PAGE = '<!doctype html><title>Error</title><p>This file is taking a rest.</p>\n'

export type FarSide = {
  url: string
  /** How often each mood was met. */
  met: () => ReadonlyMap<string, number>
  /** How many files were sent to their last byte more than once. */
  sentAgain: () => number
  close: () => Promise<void>
}

/** A file server that does to each request what the path says: the n-th trouble of a path meets its n-th request. */
export const startHostileFarSide = async (): Promise<FarSide> => {
  const requests = new Map<string, number>()
  const sentWhole = new Map<string, number>()
  const met = new Map<string, number>()

  const server = createServer((request, response) => {
    const link = request.url ?? '/'
    const mood: Mood = opensFile(link) ? moodOf(link) : { refusal: 'forbidden' }
    const before = requests.get(link) ?? 0
    count(requests, link)
    const fate = 'refusal' in mood ? mood.refusal : (mood.troubles[before] ?? 'well')
    count(met, fate)
    response.on('error', () => {}) // whoever asked is gone
    const answer = { request, response, file: fileAt(link), onWhole: () => count(sentWhole, link) }
    Promise.resolve(ANSWERS[fate](answer)).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    met: () => met,
    sentAgain: () => [...sentWhole.values()].filter((times) => times > 1).length,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

type Answer = { request: IncomingMessage; response: ServerResponse; file: Buffer; onWhole: () => void }

const refuse =
  (refusal: Refusal) =>
  ({ response }: Answer) =>
    void response.writeHead(REFUSALS[refusal].status, { 'content-type': 'text/html' }).end(ERROR_PAGE)

const fail =
  (status: number, headers: Record<string, string> = {}) =>
  ({ response }: Answer) =>
    void response.writeHead(status, headers).end(ERROR_PAGE)

const ANSWERS: Record<Trouble | Refusal | 'well', (answer: Answer) => void | Promise<void>> = {
  well: (answer) => {
    const body = begin(answer)
    answer.response.on('finish', answer.onWhole)
    answer.response.end(body)
  },
  slow: async (answer) => {
    const body = begin(answer)
    const step = SLOW_BYTES_PER_SECOND / 10
    for (let at = 0; at < body.length && !answer.response.destroyed; at += step) {
      answer.response.write(body.subarray(at, at + step))
      await sleep(100)
    }
    answer.response.on('finish', answer.onWhole)
    answer.response.end()
  },
  cut: (answer) => {
    const body = begin(answer)
    answer.response.write(body.subarray(0, body.length / 2), () => answer.response.destroy())
  },
  chunkcut: ({ response, file }) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg', etag: etagOf(file) }) // nothing tells how long it will be
    response.write(file.subarray(0, file.length / 3), () => response.destroy())
  },
  stall: (answer) => {
    const body = begin(answer)
    answer.response.write(body.subarray(0, body.length / 2))
  },
  silence: () => {},
  reset: ({ request }) => void request.socket.destroy(),
  // Bytes of another place of the file than those that were asked for.
  badrange: (answer) => {
    const { request, response, file } = answer
    if (!request.headers.range) return ANSWERS.cut(answer)
    const rest = file.subarray(1)
    const range = { 'content-range': `bytes 1-${file.length - 1}/${file.length}` }
    response.writeHead(206, { ...headersOf(file), ...range, 'content-length': rest.length }).end(rest)
  },
  429: fail(429, { 'retry-after': '1' }),
  500: fail(500),
  503: fail(503),
  gone: refuse('gone'),
  deleted: refuse('deleted'),
  forbidden: refuse('forbidden'),
  html: refuse('html'),
}

/** Sends the head, and returns the bytes that belong after it: all, or those that an open-ended range asks for. */
const begin = ({ request, response, file }: Answer): Buffer => {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
  const isAsked = from !== undefined && request.headers['if-range'] === etagOf(file) && Number(from) < file.length
  if (!isAsked) {
    response.writeHead(200, headersOf(file))
    return file
  }
  const rest = file.subarray(Number(from))
  const range = { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` }
  response.writeHead(206, { ...headersOf(file), ...range, 'content-length': rest.length })
  return rest
}

const headersOf = (file: Buffer) => ({
  'content-type': 'audio/mpeg',
  'content-length': file.length,
  'accept-ranges': 'bytes',
  etag: etagOf(file),
})

const etagOf = (file: Buffer): string => `"${createHash('sha256').update(file).digest('hex').slice(0, 16)}"`

const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
