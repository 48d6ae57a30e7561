import { Readable } from 'node:stream'
import { isRunning } from './library.ts'
import type { WholeSeparation } from './separation-schemas.ts'

const RETRY_MS = 3000
const LONGEST_CONGESTION_MS = 60_000

/**
 * The events of one separation for one reader, as text/event-stream says
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). What a slow reader has not been sent is not kept for
 * him: when he reads again he gets the latest state.
 */
export class EventStream extends Readable {
  #sent = new Map<string, string>()
  #events = 0
  #hasEnded = false // `readableEnded` says so only when all was read
  #congestedSince: number | undefined

  override _read(): void {
    this.#congestedSince = undefined
  }

  /** Sends what has changed since the last time, and ends when the separation has. */
  show(state: WholeSeparation): void {
    if (this.#hasEnded || this.destroyed) return
    const hasEnded = !isRunning(state)
    if (this.#isCongested() && !hasEnded) return
    if (this.#events === 0) this.#write(`retry: ${RETRY_MS}\n\n`)
    const { task_id, status, type, code, msg, received_at, finished_at, problem, counts } = state
    this.#send('status', '', { task_id, status, type, code, msg, received_at, finished_at, problem, counts })
    for (const [stem, progress] of Object.entries(state.progress)) this.#send('progress', stem, { stem, ...progress })
    if (!hasEnded) return
    this.#writeEvent('finished', finishedId(state), JSON.stringify(state))
    this.end()
  }

  /** Tells proxies and the reader that the connection lives. */
  beat(): void {
    if (!this.#hasEnded && !this.destroyed && !this.#isCongested()) this.#write(': still here\n\n')
  }

  /** Ends without `finished`: the reader comes back. Does nothing when it has ended. */
  end(): void {
    if (this.#hasEnded || this.destroyed) return
    this.#hasEnded = true
    this.push(null)
  }

  #send(event: string, about: string, value: unknown): void {
    const data = JSON.stringify(value)
    if (this.#sent.get(`${event} ${about}`) === data) return
    this.#sent.set(`${event} ${about}`, data)
    this.#writeEvent(event, `${++this.#events}`, data)
  }

  #writeEvent(event: string, id: string, data: string): void {
    this.#write(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`)
  }

  #write(text: string): void {
    if (!this.push(text)) this.#congestedSince ??= Date.now()
  }

  // Who reads nothing for so long is not there any more.
  #isCongested(): boolean {
    if (this.#congestedSince === undefined) return false
    if (Date.now() - this.#congestedSince > LONGEST_CONGESTION_MS) this.destroy()
    return true
  }
}

/** The id of the last event. A reader that has had it comes back for nothing. */
export const finishedId = ({ finished_at }: WholeSeparation): string => `finished.${finished_at ?? 'unaccounted'}`
