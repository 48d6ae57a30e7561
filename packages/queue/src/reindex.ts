import type { Separation } from '@stems/domain/separation'
import type { IndexedSeparation, LibraryIndex } from './library-index.ts'

const AT_ONCE = 200

export type ReindexOptions = {
  index: Pick<LibraryIndex, 'add'>
  store: {
    /** The separations that have a manifest. */
    listFinished: (olderThanMs: number) => AsyncIterable<IndexedSeparation>
    /** The separations that have begun and not ended. */
    listOpen: (olderThanMs: number) => Promise<Pick<Separation, 'taskId' | 'receivedAt'>[]>
  }
  /** Called after each batch. */
  onBatch?: () => Promise<void>
  signal?: AbortSignal
}

/**
 * Adds every separation in the store to the library's index. It only adds, so that it is safe while callbacks arrive, and may
 * be repeated at any time.
 *
 * @returns how many separations the store has
 * @throws when the store cannot be listed, or Redis does not answer
 */
export const reindex = async ({ index, store, onBatch, signal }: ReindexOptions): Promise<number> => {
  let found = 0
  let batch: IndexedSeparation[] = []
  const addBatch = async (): Promise<void> => {
    await Promise.all(batch.map((separation) => index.add(separation)))
    found += batch.length
    batch = []
    await onBatch?.()
  }
  for await (const separation of store.listFinished(0)) {
    signal?.throwIfAborted()
    batch.push(separation)
    if (batch.length === AT_ONCE) await addBatch()
  }
  batch.push(...(await store.listOpen(0)).map((open) => ({ ...open, status: 'waiting' as const })))
  await addBatch()
  return found
}
