/** A separation in the store, and its stems as its manifest lists them. */
type FinishedSeparation = { taskId: string; finishedAt: string; bytes: number; files: number }

/** The store that is swept. */
export type RetiringStore = {
  /** The separations that finished so long ago or longer. */
  listFinished: (olderThanMs: number) => AsyncIterable<FinishedSeparation>
  /** The separations that have begun and not ended. */
  listOpen: (olderThanMs: number) => Promise<{ taskId: string }[]>
  removeSeparation: (taskId: string) => Promise<void>
}

/** The jobs of separations. */
export type RetiringJobs = {
  /** Sees to it that nobody drives the separation, unless somebody does, or has later than `endedBefore`. */
  hold: (taskId: string, endedBefore: number) => Promise<'held' | 'busy' | 'recent'>
  /** Gives a separation that is held back. */
  release: (taskId: string) => Promise<void>
  /** Forgets a separation that is held. */
  forget: (taskId: string) => Promise<void>
}

export type RetireOptions = {
  store: RetiringStore
  jobs: RetiringJobs
  /** How long a separation is kept after its manifest says that it finished. */
  retainMs: number
  /** Removes nothing, and tells what would go. */
  isDryRun: boolean
  /** Called for each separation that is gone, or would go. */
  onGone?: ((separation: FinishedSeparation) => void) | undefined
  /** Called for each separation that could not be removed; it is tried again next time. */
  onFailed: (taskId: string, error: Error) => void
  /** Ends it before all are gone. */
  signal?: AbortSignal | undefined
}

/** What is gone, or would go. */
export type Retired = {
  separations: number
  files: number
  bytes: number
  /** When the oldest and the newest of them finished, ISO. */
  oldest: string | null
  newest: string | null
  /** Old enough, and left alone: somebody works on them. */
  busy: number
  failed: number
}

const AT_ONCE = 4 // it has all the time in the world, and the downloads need the store
const MOST_FAILURES = 10 // then it is the store or Redis that fails, and not a separation

/**
 * Removes the separations that finished long ago: their jobs are held, so that nobody drives them meanwhile, their files go,
 * then the jobs. Many may do so at once, and each may be killed at any time: what is left goes the next time.
 *
 * @throws {StemError} when the store cannot be listed
 */
export const retire = async (options: RetireOptions): Promise<Retired> => {
  const { store, jobs, retainMs, isDryRun, onGone, onFailed, signal } = options
  const retired: Retired = { separations: 0, files: 0, bytes: 0, oldest: null, newest: null, busy: 0, failed: 0 }
  const endedBefore = Date.now() - retainMs
  const open = new Set((await store.listOpen(0)).map(({ taskId }) => taskId))

  const remove = async (taskId: string): Promise<boolean> => {
    if (isDryRun) return true
    if ((await jobs.hold(taskId, endedBefore)) !== 'held') return false
    try {
      await store.removeSeparation(taskId)
    } catch (error) {
      await jobs.release(taskId)
      throw error
    }
    await jobs.forget(taskId)
    return true
  }

  const retireOne = async (separation: FinishedSeparation): Promise<void> => {
    const { taskId, finishedAt, bytes, files } = separation
    if (open.has(taskId) || !(await remove(taskId))) {
      retired.busy += 1
      return
    }
    retired.separations += 1
    retired.files += files
    retired.bytes += bytes
    if (retired.oldest === null || finishedAt < retired.oldest) retired.oldest = finishedAt
    if (retired.newest === null || finishedAt > retired.newest) retired.newest = finishedAt
    onGone?.(separation)
  }

  // Several take turns at one list, so that it is read no faster than it is dealt with.
  const list = store.listFinished(retainMs)[Symbol.asyncIterator]()
  const dealWithAll = async (): Promise<void> => {
    while (!signal?.aborted && retired.failed < MOST_FAILURES) {
      const next = await list.next()
      if (next.done) return
      await retireOne(next.value).catch((error: Error) => {
        retired.failed += 1
        onFailed(next.value.taskId, error)
      })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, dealWithAll))
  await list.return?.()
  return retired
}
