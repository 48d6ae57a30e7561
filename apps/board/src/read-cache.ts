const MOST = 5000

/**
 * Remembers what was read of separations that have ended, for pages that read them again and again. An entry counts until the
 * index says that the separation has changed.
 */
export const createReadCache = <Known>() => {
  const cached = new Map<string, { changedAt: number; known: Known }>()

  return {
    /**
     * What is remembered of a separation, or else what is read now.
     *
     * @param changedAt when its index entry last changed; nothing is remembered of one that the index does not have
     * @param isLasting may it be remembered?
     */
    read: async (
      taskId: string,
      changedAt: number | undefined,
      read: () => Promise<Known | undefined>,
      isLasting: (known: Known) => boolean,
    ): Promise<Known | undefined> => {
      const before = cached.get(taskId)
      if (before && before.changedAt === changedAt) return before.known
      const known = await read()
      cached.delete(taskId)
      if (known === undefined || changedAt === undefined || !isLasting(known)) return known
      if (cached.size >= MOST) cached.clear()
      cached.set(taskId, { changedAt, known })
      return known
    },
  }
}
