import type { LibraryChanges } from '@stems/queue/library-pages'

const MOST = 5000

/** Tells which tasks have changed; `last` is what it said the last time. */
type ChangesSince = (last: string | undefined) => Promise<LibraryChanges>

/**
 * Remembers what was read of separations, for those who look again and again, until the list says that something about them has
 * changed.
 */
export const createChangeMemory = <Known>() => {
  let lastSeen: string | undefined
  const known = new Map<string, Known>()
  let forgotten = 0 // counted up with each change: what was being read meanwhile may be old

  return {
    /** Forgets what has changed, and all when the list of changes does not reach back far enough. */
    forgetChanged: async (changesSince: ChangesSince): Promise<void> => {
      const { tasks, last } = await changesSince(lastSeen)
      lastSeen = last
      if (tasks === 'all' || known.size > MOST) known.clear()
      else for (const taskId of tasks) known.delete(taskId)
      if (tasks === 'all' || tasks.size > 0) forgotten++
    },
    /**
     * What is remembered of a separation, or else what is read now.
     *
     * @param isLasting may it be remembered?
     */
    remember: async (
      taskId: string,
      read: () => Promise<Known | undefined>,
      isLasting: (known: Known) => boolean,
    ): Promise<Known | undefined> => {
      const before = known.get(taskId)
      if (before !== undefined) return before
      const from = forgotten
      const found = await read()
      if (found !== undefined && isLasting(found) && from === forgotten) known.set(taskId, found)
      return found
    },
  }
}

export type ChangeMemory<Known> = ReturnType<typeof createChangeMemory<Known>>
