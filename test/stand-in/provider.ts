import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mp3For } from './audio.ts'
import { headersOf, serveFile, trickle } from './serve-file.ts'

/** How the far side behaves towards one request. */
export type Behaviour =
  /** Answers with a status, and with headers or a body of one's own. */
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body?: string | Buffer }
  /** Sends so many bytes, then nothing; the connection stays open. */
  | { kind: 'stall'; afterBytes: number }
  /** Promises the whole file, sends so many bytes, and hangs up, when `until` is done where it is given. */
  | { kind: 'cut'; afterBytes: number; chunked?: boolean; until?: Promise<unknown> }
  /** Sends so many bytes a second. */
  | { kind: 'slow'; bytesPerSecond: number }
  /** Sends the file when `until` is done. */
  | { kind: 'wait'; until: Promise<unknown> }
  | { kind: 'redirect'; to: string }

/** The provider's file server, as a person would stand in for it: real HTTP, real mp3 files, any mood on demand. */
export type StandInProvider = {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** How often a path was asked for. */
  hits: (path: string) => number
  /** How many requests are being answered right now, and the most that ever were. */
  concurrency: () => { now: number; most: number }
  /** The headers of each request for a path, in order. */
  requests: (path: string) => IncomingMessage['headers'][]
  /** The next requests for a path meet these behaviours, one each; those after them are served well. */
  behave: (path: string, ...behaviours: Behaviour[]) => void
  /** Every request for a path meets this behaviour. */
  alwaysBehave: (path: string, behaviour: Behaviour) => void
  /** What a path serves when all is well. */
  file: (path: string) => { bytes: number; sha256: string; body: Buffer }
  close: () => Promise<void>
}

/**
 * Starts the stand-in. Any path is an mp3 of its own; `?bytes=N` makes it at least that long.
 *
 * @param options.port 0 takes a free one
 * @param options.bytesPerSecond how fast it serves each file when all is well; as fast as it can unless given
 */
export const startStandInProvider = async (
  options: { host?: string; port?: number; bytesPerSecond?: number } = {},
): Promise<StandInProvider> => {
  const requests = new Map<string, IncomingMessage['headers'][]>()
  const upcoming = new Map<string, Behaviour[]>()
  const always = new Map<string, Behaviour>()
  const load = { now: 0, most: 0 }
  const { bytesPerSecond } = options
  const usual: Behaviour | undefined = bytesPerSecond ? { kind: 'slow', bytesPerSecond } : undefined

  const server = createServer((request, response) => {
    const path = decodeURI(request.url ?? '/')
    requests.set(path, [...(requests.get(path) ?? []), request.headers])
    load.now++
    load.most = Math.max(load.most, load.now)
    // It is answered when its last byte was handed over: over a connection that is kept, the next request may come before it is closed.
    const answered = new AbortController()
    answered.signal.addEventListener('abort', () => load.now--)
    for (const event of ['prefinish', 'close']) response.on(event, () => answered.abort())
    const behaviour = upcoming.get(path)?.shift() ?? always.get(path) ?? usual
    answer(request, response, fileAt(path), behaviour).catch(() => response.destroy())
  })
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    hits: (path) => requests.get(path)?.length ?? 0,
    concurrency: () => ({ ...load }),
    requests: (path) => requests.get(path) ?? [],
    behave: (path, ...behaviours) => upcoming.set(path, [...(upcoming.get(path) ?? []), ...behaviours]),
    alwaysBehave: (path, behaviour) => always.set(path, behaviour),
    file: (path) => {
      const body = fileAt(path)
      return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex'), body }
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const fileAt = (path: string): Buffer => {
  const { pathname, searchParams } = new URL(path, 'http://stand-in')
  return mp3For(decodeURI(pathname), Number(searchParams.get('bytes') ?? 0))
}

const answer = async (
  request: IncomingMessage,
  response: ServerResponse,
  file: Buffer,
  behaviour: Behaviour | undefined,
): Promise<void> => {
  switch (behaviour?.kind) {
    case 'answer':
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
      return
    case 'redirect':
      response.writeHead(302, { location: behaviour.to }).end()
      return
    case 'stall':
      response.writeHead(200, headersOf(file)).write(file.subarray(0, behaviour.afterBytes))
      return
    case 'cut':
      response.writeHead(200, behaviour.chunked ? { 'content-type': 'audio/mpeg' } : headersOf(file))
      // Hangs up after the bytes, not in the middle of them: a reset would take back what the other side has not read yet.
      response.write(file.subarray(0, behaviour.afterBytes))
      await behaviour.until
      response.socket?.destroySoon()
      return
    case 'slow':
      return trickle(response, file, behaviour.bytesPerSecond)
    case 'wait':
      await behaviour.until
      return serveFile(request, response, file)
    case undefined:
      return serveFile(request, response, file)
  }
}

// `node test/stand-in/provider.ts [port] [host]` serves files until it is stopped.
if (import.meta.main) {
  const [port = '0', host = '127.0.0.1'] = process.argv.slice(2)
  const provider = await startStandInProvider({ port: Number(port), host })
  console.log(provider.url)
}
