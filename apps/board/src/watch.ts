import { setTimeout as sleep } from 'node:timers/promises'
import type { WholeSeparation } from './separation-schemas.ts'

/** Is told how a separation stands, again and again; `undefined` when nobody knows it any more. */
export type Watcher = (state: WholeSeparation | undefined) => void

export type SeparationWatchOptions = {
  read: (taskId: string) => Promise<WholeSeparation | undefined>
  /** Between two looks, in milliseconds. */
  everyMs: number
}

/**
 * Looks how separations stand for as long as somebody watches. However many watch one, it is read once for all of them.
 * While Redis is away nobody is told anything.
 */
export const createSeparationWatch = ({ read, everyMs }: SeparationWatchOptions) => {
  const watched = new Map<string, { watchers: Set<Watcher>; stop: AbortController }>()

  // One look after the other, and after each a rest as long: however many separations are watched, and however large they are,
  // those who ask the board have the other half of its time.
  let turn: Promise<void> = Promise.resolve()
  const readInTurn = async (taskId: string, signal: AbortSignal): Promise<WholeSeparation | undefined> => {
    const before = turn
    const mine = Promise.withResolvers<void>()
    turn = mine.promise
    await before
    const startedAt = performance.now()
    try {
      signal.throwIfAborted()
      return await read(taskId)
    } finally {
      setTimeout(mine.resolve, performance.now() - startedAt).unref()
    }
  }

  const follow = async (taskId: string, watchers: Set<Watcher>, signal: AbortSignal): Promise<void> => {
    for (;;) {
      await sleep(everyMs, undefined, { signal })
      const look = await readInTurn(taskId, signal).then(
        (state) => ({ state }),
        () => undefined,
      )
      if (signal.aborted) return
      if (look) for (const watcher of [...watchers]) watcher(look.state)
    }
  }

  return {
    /** @returns ends it; may be called more than once */
    watch: (taskId: string, watcher: Watcher): (() => void) => {
      const { watchers, stop } = watched.get(taskId) ?? { watchers: new Set(), stop: new AbortController() }
      watchers.add(watcher)
      if (!watched.has(taskId)) {
        watched.set(taskId, { watchers, stop })
        follow(taskId, watchers, stop.signal).catch(() => {}) // it was stopped
      }
      return () => {
        watchers.delete(watcher)
        if (watchers.size > 0 || watched.get(taskId)?.watchers !== watchers) return
        watched.delete(taskId)
        stop.abort()
      }
    },
    /** How many separations are looked at. */
    size: () => watched.size,
  }
}

export type SeparationWatch = ReturnType<typeof createSeparationWatch>
