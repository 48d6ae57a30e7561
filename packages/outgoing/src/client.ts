import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import got, { type Request } from 'got'
import { RequestFailure, readRequestError } from './request-failure.ts'
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
  /** For each of: finding the address, connecting, greeting. */
  connectMs: number
  /** No byte for this long, before the answer or within it. */
  idleMs: number
  /** From the request to the last byte of its answer; unlimited unless given. */
  totalMs?: number
}

/** The head of an answer, whatever its status. */
export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  /** Who gave it: where the last redirect led. */
  url: URL
  /** Its bytes as they were sent. They must be read to their end, or destroyed; they fail with RequestFailure. */
  body: Readable
}

/** Sends requests, and none that its guard does not allow. One request per call: whoever calls decides on another. */
export const createClient = (guard: UrlGuard) => {
  const client = got.extend({
    agent: guard.agents,
    retry: { limit: 0 },
    throwHttpErrors: false, // got would read an error's body into memory, however long
    decompress: false,
    followRedirect: false, // got takes the credentials out of a redirect before anybody can see that there were some
    // The provider's CDN turns some default user agents away. What is compressed cannot be compared with its length.
    headers: { 'user-agent': 'Mozilla/5.0 (compatible; Stemkeeper/1.0)', 'accept-encoding': 'identity', accept: '*/*' },
  })

  const ask = async (
    url: URL,
    { method = 'GET', headers, body, signal, timeouts }: RequestOptions,
  ): Promise<Answer> => {
    guard.check(url)
    const { connectMs, idleMs, totalMs } = timeouts
    let request: Request | undefined
    try {
      request = client.stream(url, {
        method,
        ...(headers ? { headers } : {}),
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
        timeout: {
          ...{ lookup: connectMs, connect: connectMs, secureConnect: connectMs },
          ...{ response: idleMs, socket: idleMs }, // `read` would limit the whole body
          ...(totalMs === undefined ? {} : { request: totalMs }),
        },
        hooks: { beforeError: [(error) => readRequestError(error, url.host) ?? error] },
      })
      request.on('error', ignore) // whoever reads the body hears of it; before that nobody would
      const [{ statusCode = 0, headers: answered }] = (await once(request, 'response')) as [IncomingMessage]
      return { status: statusCode, headers: answered, url, body: request }
    } catch (error) {
      request?.destroy()
      throw readRequestError(error, url.host) ?? error
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
      let answer = await ask(new URL(url), options)
      for (let left = options.redirects ?? 0; left > 0; left--) {
        const target = redirectOf(answer)
        if (!target) return answer
        answer.body.destroy()
        answer = await ask(target, options)
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

const REDIRECTS = new Set([301, 302, 303, 307, 308])

const redirectOf = ({ status, headers: { location }, url }: Answer): URL | undefined => {
  if (!REDIRECTS.has(status) || location === undefined) return undefined
  const text = Buffer.from(location, 'latin1').toString() // Node reads headers as latin1; many send UTF-8
  return URL.canParse(text, url.href) ? new URL(text, url) : undefined
}

// Headers go along with every redirect, to whatever host it leads.
const assertPublicKnowledge = ({ method = 'GET', headers = {} }: RequestOptions): void => {
  const secret = Object.keys(headers).find((name) => /authorization|cookie|key|token/i.test(name))
  if (secret || method !== 'GET') throw new TypeError(`a ${secret ?? method} must not follow redirects`)
}

const ignore = () => {}
