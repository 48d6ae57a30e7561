import type { Answer, Client } from './client.ts'
import { RequestFailure, readRequestError } from './request-failure.ts'

export type Question = {
  method: 'GET' | 'POST'
  url: URL
  headers: Record<string, string>
  body?: string
  signal?: AbortSignal
}

export type Reply = { status: number; headers: Answer['headers']; text: string }

export type AskLimits = {
  /** Cap for the body of a reply. */
  maxBytes: number
  /** From the request to the last byte of the reply. */
  timeoutMs: number
}

/**
 * Asks small APIs. No redirect is followed, so that an authorization reaches nobody but the host it is meant for: its
 * status is the reply.
 *
 * @throws {BlockedUrlError} when the URL, or the address that its name leads to, is not allowed
 * @throws {RequestFailure} when no whole reply comes; it names the host, and nothing else of the request
 */
export const createAsk =
  (client: Client, { maxBytes, timeoutMs }: AskLimits) =>
  async ({ url, ...question }: Question): Promise<Reply> => {
    const timeouts = { idleMs: timeoutMs, totalMs: timeoutMs }
    const { status, headers, body } = await client.request(url, { ...question, timeouts })
    try {
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > maxBytes) throw new RequestFailure('too_large', url.host, `more than ${maxBytes} bytes`)
        chunks.push(chunk)
      }
      return { status, headers, text: Buffer.concat(chunks).toString('utf8') }
    } catch (error) {
      throw readRequestError(error) ?? error
    } finally {
      body.destroy()
    }
  }

export type Ask = ReturnType<typeof createAsk>
