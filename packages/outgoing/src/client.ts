import type { Readable } from 'node:stream'
import { Agent, type buildConnector, type Dispatcher } from 'undici'
import { type Course, explaining, failureOf, RequestFailure } from './request-failure.ts'
import type { UrlGuard } from './url-guard.ts'

export type RequestOptions = {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  signal?: AbortSignal | undefined
  /** How many redirects are followed; each is judged like the first URL. Only for a GET without authorization. */
  redirects?: number
  timeouts: Timeouts
}

export type Timeouts = {
  /** No byte for this long, before the answer or within it. */
  idleMs: number
  /** From the request to the last byte of its answer; unlimited unless given. */
  totalMs?: number
}

/** The head of an answer, whatever its status. */
export type Answer = {
  status: number
  /** By name in lower case; of a header that came several times, the first. */
  headers: Record<string, string | undefined>
  /** Who gave it: where the last redirect led. */
  url: URL
  /** Its bytes as they were sent. They must be read to their end, or destroyed; they fail with RequestFailure. */
  body: Readable
}

export type ClientOptions = {
  /** For finding an address, connecting and greeting together. */
  connectMs?: number
}

const CONNECT_MS = 10_000
const KEEP_MS = 4000

/** Sends requests, and none that its guard does not allow. One request per call: whoever calls decides on another. */
export const createClient = (guard: UrlGuard, { connectMs = CONNECT_MS }: ClientOptions = {}) => {
  const connect = namingResets(guard.connector(connectMs))
  const keeping = { keepAliveTimeout: KEEP_MS, keepAliveMaxTimeout: KEEP_MS, pipelining: 1 }
  // A connection may come when nobody waits for it any more; then too it is not kept.
  const once = { keepAliveTimeout: 1, pipelining: 0 }
  const reusing = new Agent({ connect, ...keeping }).compose(explaining)
  // What must not be sent twice goes over a connection that nobody can have closed in the meantime.
  const single = new Agent({ connect, ...once }).compose(explaining)

  const ask = async (url: URL, options: RequestOptions, until: number | undefined): Promise<Answer> => {
    guard.check(url)
    const isRepeatable = (options.method ?? 'GET') === 'GET'
    try {
      return await send(isRepeatable ? reusing : single, url, options, until)
    } catch (error) {
      // A far side may close a connection in the very moment in which it is used again.
      if (isRepeatable && isHangUp(error)) return send(single, url, options, until)
      throw error
    }
  }

  return {
    /**
     * Sends a request and waits for the head of its answer.
     *
     * @throws {BlockedUrlError} when the URL, a redirect, or the address that its name leads to is not allowed
     * @throws {RequestFailure} when no answer comes
     */
    request: async (url: URL, options: RequestOptions): Promise<Answer> => {
      if (options.redirects) assertPublicKnowledge(options)
      const { totalMs } = options.timeouts
      const until = totalMs === undefined ? undefined : performance.now() + totalMs
      let answer = await ask(new URL(url), options, until)
      for (let left = options.redirects ?? 0; left > 0; left--) {
        const target = redirectOf(answer)
        if (!target) return answer
        answer.body.destroy()
        answer = await ask(target, options, until)
      }
      if (options.redirects && redirectOf(answer)) {
        answer.body.destroy()
        throw new RequestFailure('unreachable', answer.url.host, 'too many redirects')
      }
      return answer
    },
  }
}

export type Client = ReturnType<typeof createClient>

const HANG_UP = 'UND_ERR_SOCKET'

// undici takes ECONNRESET for the end of an answer that ends with its connection, which then would count as whole, and lets a
// request fail that waits for a kept connection, instead of making a new one. It does neither where a hang-up has its own name.
const namingResets =
  (connect: buildConnector.connector): buildConnector.connector =>
  (options, done) =>
    connect(options, (...made) => {
      made[1]?.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNRESET') error.code = HANG_UP
      })
      done(...made)
    })

const send = async (
  dispatcher: Dispatcher,
  url: URL,
  options: RequestOptions,
  until: number | undefined,
): Promise<Answer> => {
  const { method = 'GET', headers, body = null, timeouts } = options
  const course: Course = { host: url.host, isSent: false, hasBegun: false }
  const patience = createPatience(course, options.signal, until)
  try {
    const answer = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      body,
      // The provider's CDN turns some default user agents away. What is compressed cannot be compared with its length.
      headers: { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', accept: '*/*', ...headers },
      headersTimeout: timeouts.idleMs,
      bodyTimeout: timeouts.idleMs,
      signal: patience.signal,
      opaque: course,
    })
    answer.body.on('error', ignore) // whoever reads the body hears of it; before that nobody would
    answer.body.once('close', patience.end)
    return { status: answer.statusCode, headers: firstOfEach(answer.headers), url, body: answer.body }
  } catch (error) {
    patience.end()
    throw failureOf(error, course)
  }
}

const USER_AGENT = 'Mozilla/5.0 (compatible; Stemkeeper/1.0)'

/** Ends a request with words of our own when its caller has heard enough, or when it takes too long as a whole. */
const createPatience = (course: Course, signal: AbortSignal | undefined, until: number | undefined) => {
  const controller = new AbortController()
  const end = (kind: 'interrupted' | 'slow', detail: string): void =>
    controller.abort(new RequestFailure(kind, course.host, detail, !course.isSent))
  const interrupt = (): void => end('interrupted', 'aborted')
  if (signal?.aborted) interrupt()
  signal?.addEventListener('abort', interrupt)
  const late = (): void => end('slow', 'request timed out')
  const timer = until === undefined ? undefined : setTimeout(late, until - performance.now())
  return {
    signal: controller.signal,
    end: (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', interrupt)
    },
  }
}

const HANG_UPS = new Set([HANG_UP, 'EPIPE'])

const isHangUp = (error: unknown): boolean =>
  error instanceof RequestFailure && error.kind === 'unreachable' && !error.isUnsent && HANG_UPS.has(error.detail)

const firstOfEach = (headers: Record<string, string | string[] | undefined>): Answer['headers'] =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]))

const REDIRECTS = new Set([301, 302, 303, 307, 308])

const redirectOf = ({ status, headers: { location }, url }: Answer): URL | undefined => {
  if (!REDIRECTS.has(status) || location === undefined) return undefined
  const text = Buffer.from(location, 'latin1').toString() // headers are read as latin1; many send UTF-8
  return URL.canParse(text, url.href) ? new URL(text, url) : undefined
}

// Headers go along with every redirect, to whatever host it leads.
const assertPublicKnowledge = ({ method = 'GET', headers = {} }: RequestOptions): void => {
  const secret = Object.keys(headers).find((name) => /authorization|cookie|key|token/i.test(name))
  if (secret || method !== 'GET') throw new TypeError(`a ${secret ?? method} must not follow redirects`)
}

const ignore = () => {}
