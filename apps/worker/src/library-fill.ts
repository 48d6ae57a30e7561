import { setTimeout as sleep } from 'node:timers/promises'
import { createLibraryFill, type KnownSeparation, type LibraryFill } from '@stems/queue/library-fill'
import { awaitReady, type RedisConnection } from '@stems/queue/redis'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'

const CONNECT_MS = 5000
const AT_ONCE = 200
const MOST_TRIES = 10
const BETWEEN_TRIES_MS = 1000

export type LibraryFillOptions = {
  /** A connection that fails fast for each shard that this worker serves, and whether a task belongs to it. */
  shards: { statusRedis: RedisConnection; owns: (taskId: string) => boolean; log: Log }[]
  store: Pick<StemStore, 'listFinished'>
  prefix: string
  everyMs: number
}

/**
 * Sees to it that the library's list holds what nobody has noted: at first all that there is, then once an hour what processes of
 * an older version have done since. One worker at a time does so; one that dies on the way leaves it to the next.
 */
export const startLibraryFill = ({ shards, store, prefix, everyMs }: LibraryFillOptions) => {
  const fills = shards.map(({ statusRedis, ...shard }) => ({
    ...shard,
    statusRedis,
    fill: createLibraryFill(statusRedis, prefix),
  }))
  const leaving = new AbortController()
  let running: Promise<void> | undefined

  const fromStore = async (fill: LibraryFill, owns: (taskId: string) => boolean): Promise<number> => {
    let [found, batch]: [number, KnownSeparation[]] = [0, []]
    for await (const finished of store.listFinished(0)) {
      leaving.signal.throwIfAborted()
      if (!owns(finished.taskId)) continue
      found++
      batch.push(finished)
      if (batch.length < AT_ONCE) continue
      await addPatiently(fill, batch)
      batch = []
    }
    await addPatiently(fill, batch)
    return found
  }

  // A walk through a large bucket takes hours, and one command that Redis was late with must not begin it anew.
  const addPatiently = async (fill: LibraryFill, batch: KnownSeparation[]): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        return await fill.addAll(batch)
      } catch (error) {
        if (tries === MOST_TRIES) throw error
        await sleep(BETWEEN_TRIES_MS, undefined, { signal: leaving.signal })
      }
    }
  }

  const fillOne = async ({ fill, owns, statusRedis, log }: (typeof fills)[number]): Promise<void> => {
    await awaitReady(statusRedis, CONNECT_MS)
    const turn = await fill.takeTurn()
    if (!turn) return
    try {
      await fill.fromQueue(turn, leaving.signal)
      const separations = turn.what === 'all' ? await fromStore(fill, owns) : 0
      await fill.finish(turn)
      if (separations > 0) log.info({ separations }, 'library.filled: what the store held is in the list')
    } catch (error) {
      await fill.giveTurnBack(turn).catch(() => {}) // Redis is away: the turn ends by itself
      throw error
    }
  }

  const look = () => {
    running ??= Promise.all(
      fills.map((each) =>
        fillOne(each).catch((error: Error) => each.log.debug({ error: error.message }, 'library.fill_interrupted')),
      ),
    )
      .then(() => {})
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
      await Promise.all(fills.map(({ fill }) => fill.close()))
    },
  }
}
