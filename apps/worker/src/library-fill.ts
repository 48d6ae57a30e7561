import { setTimeout as sleep } from 'node:timers/promises'
import { createLibraryFill, type KnownSeparation } from '@stems/queue/library-fill'
import { awaitReady, type RedisConnection } from '@stems/queue/redis'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'

const CONNECT_MS = 5000
const AT_ONCE = 200
const MOST_TRIES = 10
const BETWEEN_TRIES_MS = 1000

export type LibraryFillOptions = {
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  store: Pick<StemStore, 'listFinished'>
  prefix: string
  everyMs: number
  log: Log
}

/**
 * Sees to it that the library's list holds what nobody has noted: at first all that there is, then once an hour what processes of
 * an older version have done since. One worker at a time does so; one that dies on the way leaves it to the next.
 */
export const startLibraryFill = ({ redis, store, prefix, everyMs, log }: LibraryFillOptions) => {
  const fill = createLibraryFill(redis, prefix)
  const leaving = new AbortController()
  let running: Promise<void> | undefined

  const fromStore = async (): Promise<number> => {
    let [found, batch]: [number, KnownSeparation[]] = [0, []]
    for await (const finished of store.listFinished(0)) {
      leaving.signal.throwIfAborted()
      found++
      batch.push(finished)
      if (batch.length < AT_ONCE) continue
      await addPatiently(batch)
      batch = []
    }
    await addPatiently(batch)
    return found
  }

  // A walk through a large bucket takes hours, and one command that Redis was late with must not begin it anew.
  const addPatiently = async (batch: KnownSeparation[]): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        return await fill.addAll(batch)
      } catch (error) {
        if (tries === MOST_TRIES) throw error
        await sleep(BETWEEN_TRIES_MS, undefined, { signal: leaving.signal })
      }
    }
  }

  const fillList = async (): Promise<void> => {
    await awaitReady(redis, CONNECT_MS)
    const turn = await fill.takeTurn()
    if (!turn) return
    try {
      await fill.fromQueue(turn, leaving.signal)
      const separations = turn.what === 'all' ? await fromStore() : 0
      await fill.finish(turn)
      if (separations > 0) log.info({ separations }, 'library.filled: what the store held is in the list')
    } catch (error) {
      await fill.giveTurnBack(turn).catch(() => {}) // Redis is away: the turn ends by itself
      throw error
    }
  }

  const look = () => {
    running ??= fillList()
      .catch((error: Error) => log.debug({ error: error.message }, 'library.fill_interrupted'))
      .finally(() => {
        running = undefined
      })
  }
  look()
  const timer = setInterval(look, everyMs)

  return {
    /** Leaves it to the next one. Safe to call twice. */
    close: async (): Promise<void> => {
      clearInterval(timer)
      leaving.abort()
      await running
      await fill.close()
    },
  }
}
