import type { LibraryChanges, LibraryItem } from '@stems/queue/library-pages'

const MOST = 5000

/**
 * Remembers entries of the list for those who look again and again, until their shard says that something has changed.
 */
export const createEntryMemory = <Entry extends { status: string }>() => {
  const shards = new Map<string, { last: string | undefined; entries: Map<string, Entry> }>()

  const of = (shard: string) => {
    const known = shards.get(shard) ?? { last: undefined, entries: new Map<string, Entry>() }
    shards.set(shard, known)
    return known
  }

  return {
    /** Forgets what has changed, and all when nobody can say what has. */
    forgetChanged: async (
      shard: string,
      changesSince: (last: string | undefined) => Promise<LibraryChanges>,
    ): Promise<void> => {
      const known = of(shard)
      const { tasks, last } = await changesSince(known.last)
      known.last = last
      if (tasks === 'all' || known.entries.size > MOST) known.entries.clear()
      else for (const taskId of tasks) known.entries.delete(taskId)
    },
    /**
     * What is remembered of a separation, or else what is read now.
     *
     * @param isLasting may it be remembered?
     */
    remember: async (
      shard: string,
      { taskId, status }: LibraryItem,
      read: () => Promise<Entry | undefined>,
      isLasting: (entry: Entry) => boolean,
    ): Promise<Entry | undefined> => {
      const { entries } = of(shard)
      const known = entries.get(taskId)
      if (known?.status === status) return known
      const entry = await read()
      if (entry && isLasting(entry)) entries.set(taskId, entry)
      return entry
    },
  }
}
