import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'

type Watcher = { told: (state: unknown) => void; failed: () => void }
// One look that fails is no outage.
const MOST_FAILURES = 2

type Watched = { watchers: Set<Watcher>; stop: AbortController }

/**
 * Looks at things again and again for as long as somebody watches them. However many watch one, it is read once for all of
 * them.
 *
 * @param everyMs between two looks, in milliseconds
 */
export const createWatch = (everyMs: number) => {
  const watched = new Map<string, Watched>()

  // One read at a time, and after each a rest of the same length: however many things are watched, and however large they
  // are, half of the board's time stays free for requests.
  const oneAtATime = pLimit(1)
  const readAndRest = <State>(read: () => Promise<State>, signal: AbortSignal): Promise<State> => {
    let tookMs = 0
    const result = oneAtATime(() => {
      signal.throwIfAborted()
      const startedAt = performance.now()
      return read().finally(() => {
        tookMs = performance.now() - startedAt
      })
    })
    void oneAtATime(() => sleep(tookMs, undefined, { ref: false })) // runs next, while the caller has its result already
    return result
  }

  const follow = async (read: () => Promise<unknown>, { watchers, stop: { signal } }: Watched): Promise<void> => {
    for (let failures = 0; ; ) {
      await sleep(everyMs, undefined, { signal })
      const look = await readAndRest(read, signal).then(
        (state) => ({ state }),
        () => undefined,
      )
      if (signal.aborted) return
      failures = look ? 0 : failures + 1
      for (const { told, failed } of [...watchers]) {
        if (look) told(look.state)
        else if (failures === MOST_FAILURES) failed()
      }
    }
  }

  return {
    /**
     * @param key of what is watched; all who give the same one are told what the first one's `read` has read
     * @param told is told how it stands, again and again
     * @param failed is called when it cannot be read any more, once until it can be read again
     * @returns ends it; may be called more than once
     */
    watch: <State>(
      key: string,
      read: () => Promise<State>,
      told: (state: State) => void,
      failed: () => void = () => {},
    ): (() => void) => {
      const watcher: Watcher = { told: told as Watcher['told'], failed }
      const known = watched.get(key) ?? { watchers: new Set(), stop: new AbortController() }
      const { watchers, stop } = known
      watchers.add(watcher)
      if (!watched.has(key)) {
        watched.set(key, known)
        follow(read, known).catch(() => {}) // it was stopped
      }
      return () => {
        watchers.delete(watcher)
        if (watchers.size > 0 || watched.get(key) !== known) return
        watched.delete(key)
        stop.abort()
      }
    },
    /** How many things are looked at. */
    size: () => watched.size,
  }
}

export type Watch = ReturnType<typeof createWatch>
