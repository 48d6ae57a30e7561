import { Readable } from 'node:stream'

const RETRY_MS = 3000
const LONGEST_CONGESTION_MS = 60_000

/**
 * Events for one reader, as text/event-stream says
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). What a slow reader has not been sent is not kept for
 * him: when he reads again he gets the latest state.
 */
export class EventStream extends Readable {
  #sent = new Map<string, string>()
  #events = 0
  #hasBegun = false
  #hasEnded = false // `readableEnded` says so only when all was read
  #congestedSince: number | undefined

  override _read(): void {
    this.#congestedSince = undefined
  }

  /** Will something that is sent now reach the reader? One that has read nothing for a minute is not there any more. */
  isOpen(): boolean {
    return !this.#hasEnded && !this.destroyed
  }

  isCongested(): boolean {
    if (this.#congestedSince === undefined) return false
    if (Date.now() - this.#congestedSince > LONGEST_CONGESTION_MS) this.destroy()
    return true
  }

  /** Sends an event, unless the reader has been told just this about it. */
  sendNews(event: string, about: string, value: unknown): void {
    const data = JSON.stringify(value)
    if (this.#sent.get(`${event} ${about}`) === data) return
    this.#sent.set(`${event} ${about}`, data)
    this.send(event, `${++this.#events}`, data)
  }

  /** Sends an event. */
  send(event: string, id: string, data: string): void {
    this.#write(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`)
  }

  /** Tells proxies and the reader that the connection lives. */
  beat(): void {
    if (this.isOpen() && !this.isCongested()) this.#write(': still here\n\n')
  }

  /** Ends: the reader comes back. Does nothing when it has ended. */
  end(): void {
    if (!this.isOpen()) return
    this.#hasEnded = true
    this.push(null)
  }

  #write(text: string): void {
    const begin = this.#hasBegun ? '' : `retry: ${RETRY_MS}\n\n`
    this.#hasBegun = true
    if (!this.push(begin + text)) this.#congestedSince ??= Date.now()
  }
}
