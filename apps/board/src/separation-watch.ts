import { setTimeout as sleep } from 'node:timers/promises'
import type { WholeSeparation } from './separation-schemas.ts'

/** Is told how a separation stands, again and again; `undefined` when nobody knows it any more. */
export type Watcher = (state: WholeSeparation | undefined) => void

export type SeparationWatchOptions = {
  read: (taskId: string) => Promise<WholeSeparation | undefined>
  /** Between two looks, in milliseconds. */
  everyMs: number
}

const LANES = 4

/**
 * Looks how separations stand for as long as somebody watches. However many watch one, it is read once for all of them.
 * While Redis is away nobody is told anything.
 */
export const createSeparationWatch = ({ read, everyMs }: SeparationWatchOptions) => {
  const watched = new Map<string, { watchers: Set<Watcher>; stop: AbortController }>()

  // However many separations are watched, and however large they are, the others who ask the board get their turns too.
  const lanes = Array.from({ length: LANES }, () => Promise.resolve())
  let lane = 0
  const readInTurn = (taskId: string): Promise<WholeSeparation | undefined> => {
    const mine = lane++ % LANES
    const look = (lanes[mine] as Promise<void>).then(() => read(taskId))
    lanes[mine] = look.then(
      () => {},
      () => {},
    )
    return look
  }

  const follow = async (taskId: string, watchers: Set<Watcher>, signal: AbortSignal): Promise<void> => {
    for (let tookMs = 0; ; ) {
      await sleep(everyMs + tookMs, undefined, { signal })
      const startedAt = performance.now()
      const look = await readInTurn(taskId).then(
        (state) => ({ state }),
        () => undefined,
      )
      if (signal.aborted) return
      tookMs = performance.now() - startedAt
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
