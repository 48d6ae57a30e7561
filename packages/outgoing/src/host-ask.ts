import { BlockedUrlError } from '@stems/domain/errors'
import { type Answer, createClient } from './client.ts'
import { RequestFailure, readRequestError } from './request-failure.ts'
import { createUrlGuard, hostRules, type Resolving } from './url-guard.ts'

export type Question = {
  method: 'GET' | 'POST'
  url: URL
  headers: Record<string, string>
  body?: string
}

export type Reply = { status: number; headers: Answer['headers']; text: string }

export type HostAskOptions = {
  /** Its host and port are the only ones that are asked. */
  url: string
  /** Permits http, other ports, and private or loopback addresses: for development and tests only. */
  allowPrivate: boolean
  /** The setting that holds the URL, for the words of a refusal. */
  setting: string
  /** Cap for the body of a reply. */
  maxBytes?: number
  /** From the request to the last byte of the reply. */
  timeoutMs?: number
  /** Awaited before each request; what it throws is thrown, and nothing is sent. */
  before?: () => Promise<void>
  /** Told of every request that was not allowed. */
  onBlocked?: (error: BlockedUrlError) => void
  resolving?: Resolving
}

const MAX_BYTES = 1024 * 1024
const TIMEOUT_MS = 15_000

/**
 * Asks the small API of one configured host, under the same guard as every other request. No redirect is followed, so that an
 * authorization reaches only the host it is meant for: the status of a redirect is the reply.
 *
 * @returns a function that throws {@link BlockedUrlError} when the URL, or the address that its name leads to, is not allowed,
 * and {@link RequestFailure} when no whole reply comes; it names the host, and nothing else of the request
 */
export const createHostAsk = ({
  url,
  allowPrivate,
  setting,
  maxBytes = MAX_BYTES,
  timeoutMs = TIMEOUT_MS,
  before,
  onBlocked,
  resolving,
}: HostAskOptions) => {
  const guard = createUrlGuard(hostRules(url, allowPrivate, setting), resolving)
  const client = createClient(guard, { connectMs: timeoutMs })
  const timeouts = { idleMs: timeoutMs, totalMs: timeoutMs }
  return async ({ url, ...question }: Question): Promise<Reply> => {
    await before?.()
    let body: Answer['body'] | undefined
    try {
      const answer = await client.request(url, { ...question, timeouts })
      body = answer.body
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > maxBytes) throw new RequestFailure('too_large', url.host, `more than ${maxBytes} bytes`)
        chunks.push(chunk)
      }
      return { status: answer.status, headers: answer.headers, text: Buffer.concat(chunks).toString('utf8') }
    } catch (error) {
      const failure = readRequestError(error) ?? error
      if (failure instanceof BlockedUrlError) onBlocked?.(failure)
      throw failure
    } finally {
      body?.destroy()
    }
  }
}
