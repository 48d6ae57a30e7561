import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** An answer as it came over the wire. */
export type Answer = { status: number; headers: Map<string, string>; body: string }

const PATIENCE_MS = 20_000 // longer than anything that ingress waits for

const SILENCE_MS = 15 // what was said is no whole request, most likely; when it was, its sender is only impolite

/** A client that sends bytes as they are, and reads answers as they come: it repairs and refuses nothing. */
export const createWire = (url: string) => {
  const { hostname, port } = new URL(url)
  let socket: Socket | undefined
  let received = Buffer.alloc(0)
  let closed = true

  const open = async (): Promise<Socket> => {
    const fresh = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
    received = Buffer.alloc(0)
    closed = false
    fresh.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
    })
    fresh.on('error', () => {}) // a reset, say: what came before it counts
    fresh.on('close', () => {
      if (socket === fresh) closed = true
    })
    fresh.on('end', () => fresh.destroy())
    socket = fresh
    await once(fresh, 'connect')
    return fresh
  }

  const untilMore = async (from: Socket): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new Error(`no answer; so far: ${received.toString('latin1')}`)), PATIENCE_MS)
    from.once('data', resolve).once('close', resolve)
    await promise.finally(() => {
      clearTimeout(timer)
      from.off('data', resolve).off('close', resolve)
    })
  }

  return {
    /** Sends one whole request over a connection that is kept, and reads its answer. */
    ask: async (request: string | Buffer, { isHead = false } = {}): Promise<Answer> => {
      const current = closed || !socket ? await open() : socket
      current.write(request)
      for (;;) {
        const read = readAnswer(received, isHead)
        if (read && read.answer.status >= 200) {
          received = received.subarray(read.length)
          if (/close/i.test(read.answer.headers.get('connection') ?? '')) current.destroy()
          if (current.destroyed) closed = true
          return read.answer
        }
        if (read) received = received.subarray(read.length)
        else if (closed) throw new Error(`the connection was closed without an answer: ${received.toString('latin1')}`)
        else await untilMore(current)
      }
    },
    /** Sends bytes over a connection of their own, ends it when there is an answer or none to be expected, and reads all. */
    tell: async (bytes: Buffer): Promise<Answer[]> => {
      const current = await open()
      current.write(bytes)
      await Promise.race([untilMore(current), sleep(SILENCE_MS)])
      current.end()
      while (!closed) await untilMore(current)
      const answers = readAll(received)
      if (!answers) throw new Error(`what came is no answer: ${received.toString('latin1')}`)
      return answers.filter(({ status }) => status >= 200)
    },
    close: () => {
      socket?.destroy()
      closed = true
    },
  }
}

export type Wire = ReturnType<typeof createWire>

// What the request was is not known here: the answer to a HEAD is one whose body is missing.
const readAll = (bytes: Buffer): Answer[] | undefined => {
  if (bytes.length === 0) return []
  for (const isHead of [false, true]) {
    const read = readAnswer(bytes, isHead)
    const others = read && readAll(bytes.subarray(read.length))
    if (others) return [read.answer, ...others]
  }
  return undefined
}

const readAnswer = (bytes: Buffer, isHead: boolean): { answer: Answer; length: number } | undefined => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1])
  if (Number.isNaN(status)) return undefined
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const isEmpty = isHead || status < 200 || status === 204 || status === 304
  const read = isEmpty ? { body: '', length: 0 } : readBody(bytes.subarray(end + 4), headers)
  return read && { answer: { status, headers, body: read.body }, length: end + 4 + read.length }
}

const readBody = (bytes: Buffer, headers: Map<string, string>): { body: string; length: number } | undefined => {
  if (headers.get('transfer-encoding') !== 'chunked') {
    const length = Number(headers.get('content-length') ?? 0)
    return bytes.length < length ? undefined : { body: bytes.toString('utf8', 0, length), length }
  }
  for (let body = '', at = 0; ; ) {
    const start = bytes.indexOf('\r\n', at) + 2
    const length = Number.parseInt(bytes.toString('latin1', at, start), 16)
    if (start < 2 || bytes.length < start + length + 2) return undefined
    if (length === 0) return { body, length: start + 2 }
    body += bytes.toString('utf8', start, start + length)
    at = start + length + 2
  }
}
