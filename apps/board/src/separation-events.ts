import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning } from './library.ts'
import type { WholeSeparation } from './separation-schemas.ts'

export type EventPace = {
  /** Between two looks. */
  everyMs: number
  /** A comment is sent when nothing was for as long. */
  heartbeatMs: number
}

const RETRY_MS = 3000

/**
 * The events of a separation as text/event-stream (https://html.spec.whatwg.org/multipage/server-sent-events.html), until it
 * has ended. It looks only when its reader is ready for more: a slow one is sent the latest state, and not what lay between.
 *
 * @param first how the separation is now
 * @param find looks again; where that fails, Redis is away and nothing has changed
 * @param closing ends the events
 */
export async function* separationEvents(
  first: WholeSeparation,
  find: () => Promise<WholeSeparation | undefined>,
  { everyMs, heartbeatMs }: EventPace,
  closing: AbortSignal,
): AsyncGenerator<string> {
  const newsOf = createNews()
  let state = first
  let toldAt = Date.now()
  yield `retry: ${RETRY_MS}\n\n${newsOf(state)}`
  while (isRunning(state)) {
    await sleep(everyMs, undefined, { signal: closing }).catch(() => {})
    if (closing.aborted) return
    const found = await find().catch(() => state)
    if (!found) return
    state = found
    const news = newsOf(state)
    if (news === '' && Date.now() - toldAt < heartbeatMs) continue
    toldAt = Date.now()
    yield news || ': still here\n\n'
  }
}

/** Writes what has changed since the last time. */
const createNews = () => {
  const told = new Map<string, string>()
  let count = 0
  const news = (event: string, about: string, value: unknown): string => {
    const data = JSON.stringify(value)
    if (told.get(about) === data) return ''
    told.set(about, data)
    return eventText(event, `${++count}`, data)
  }
  return (state: WholeSeparation): string => {
    const { stems: _stems, manifest_url: _url, manifest: _manifest, progress, ...status } = state
    const texts = [
      news('status', 'separation', status),
      ...Object.entries(progress).map(([stem, each]) => news('progress', `stem ${stem}`, { stem, ...each })),
      isRunning(state) ? '' : eventText('finished', finishedId(state), JSON.stringify(state)),
    ]
    return texts.join('')
  }
}

const eventText = (event: string, id: string, data: string): string => `event: ${event}\nid: ${id}\ndata: ${data}\n\n`

/** The id of the last event. A reader that has had it comes back for nothing. */
export const finishedId = ({ finished_at }: WholeSeparation): string => `finished.${finished_at ?? 'unaccounted'}`
