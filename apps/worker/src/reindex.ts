import { createLeaderLock } from '@stems/queue/leader-lock'
import { createLibraryIndex } from '@stems/queue/library-index'
import type { RedisConnection } from '@stems/queue/redis'
import { reindex } from '@stems/queue/reindex'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { repeat } from '@stems/telemetry/repeat'

export type ReindexOptions = {
  /** A blocking connection: a walk through a large bucket takes hours, and one late command must not begin it anew. */
  redis: RedisConnection
  prefix: string
  store: Pick<StemStore, 'listFinished' | 'listOpen' | 'readCheckpoint' | 'writeCheckpoint'>
  everyMs: number
  log: Log
}

/**
 * Completes the library's index from the store when Redis is new, has lost its data, or is older than the checkpoint in the
 * store: a backup that was restored. One worker at a time does so.
 */
export const startReindex = ({ redis, prefix, store, everyMs, log }: ReindexOptions) => {
  const index = createLibraryIndex(redis, prefix)
  const leader = createLeaderLock(redis, prefix, 'reindex', everyMs)
  const leaving = new AbortController()

  const check = async (): Promise<void> => {
    if (!(await leader.take())) return
    const [completeAt, checkpoint = ''] = await Promise.all([index.completeAt(), store.readCheckpoint()])
    const isBehind = completeAt === null || completeAt < checkpoint
    if (isBehind) {
      const separations = await reindex({ index, store, onBatch: leader.extend, signal: leaving.signal })
      log.info({ separations, completeAt, checkpoint }, 'library.reindexed')
    }
    const now = new Date().toISOString()
    await index.markComplete(now)
    // After the mark, since a checkpoint that Redis does not know starts a reindex; and not for a Redis that has just begun.
    if (!isBehind) await store.writeCheckpoint(now)
  }

  const checks = repeat(everyMs, check, (error) => log.debug({ error: error.message }, 'library.reindex_interrupted'))
  return {
    /** Leaves it to the next worker. Safe to call twice. */
    close: (): Promise<void> => {
      leaving.abort()
      return checks.close()
    },
  }
}
