import type { Manifest } from '@stems/domain/manifest'
import type { ManifestWithAudio } from '@stems/domain/separation-analysis'
import { taskIdSchema } from '@stems/domain/task-id'
import type { ListedStatus } from '@stems/queue/library-index'
import type { LibraryItem, LibraryPlace } from '@stems/queue/library-pages'
import type { ListedSeparation, Listing } from '@stems/queue/listing'
import type { StemProgress as JobProgress, ProgressReader } from '@stems/queue/progress'
import { QueueAwayError } from '@stems/queue/queue-away-error'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { joinAnalysis } from './join-analysis.ts'
import { createReadCache } from './read-cache.ts'
import type { LibraryEntry, LibraryStem, StemProgress, WholeSeparation } from './separation-schemas.ts'

type ManifestStem = ManifestWithAudio['stems'][string]

/** An entry of the list; `progress` is empty unless it runs. */
export type ShownEntry = LibraryEntry & { progress: Record<string, StemProgress> }

/** What of the library somebody looks at: one status or all, ids that hold a text or all, from a place on. */
export type LibraryView = {
  of?: ListedStatus | undefined
  search?: string | undefined
  older?: LibraryPlace | undefined
  newer?: LibraryPlace | undefined
}

/** `newer`, `older`: where the pages beside this one begin. */
export type LibraryPage = {
  separations: ShownEntry[]
  newer: LibraryPlace | undefined
  older: LibraryPlace | undefined
  counts: Record<ListedStatus, number>
  /** Does the index hold everything that the store holds? */
  isComplete: boolean
}

/** A step of a walk through all separations; `more` is where the next one begins, `undefined` when all were shown. */
export type LibraryStep = { separations: LibraryEntry[]; more: LibraryPlace | undefined }

type ReadManifest = (taskId: string) => Promise<ManifestWithAudio | undefined>

export type LibraryOptions = {
  listing: Pick<Listing, 'page' | 'find' | 'count' | 'isComplete' | 'changedAt'>
  progress: Pick<ProgressReader, 'read'>
  store: StemStore
  log: Log
}

const PAGE_LENGTH = 50

/**
 * The library of separations: the index has their order, the queues know what runs, and the manifests in the store how it
 * ended. What is shown is what the latter two say.
 */
export const createLibrary = ({ listing, progress, store, log }: LibraryOptions) => {
  const entries = createReadCache<ShownEntry>()

  const readManifest = (taskId: string): Promise<Manifest | undefined> =>
    store.readManifest(taskId).catch((error: Error) => {
      log.warn({ taskId, error: error.message }, 'manifest.unreadable')
      return undefined
    })

  const readWithAudio: ReadManifest = async (taskId) => {
    const manifest = await readManifest(taskId)
    return manifest && joinAnalysis(manifest, store, log)
  }

  const readProgress = (taskId: string): Promise<JobProgress[]> =>
    progress.read(taskId).then(
      (stems) => stems ?? [],
      (error: unknown) => {
        throw new QueueAwayError(error)
      },
    )

  // Of one that has ended its manifest says all, of any other its job does.
  const readEntry = async ({ taskId, status }: LibraryItem, read: ReadManifest): Promise<ShownEntry | undefined> => {
    const ended = isRunning({ status }) ? undefined : await read(taskId)
    if (ended) return { ...toForgottenEntry(ended), progress: {} }
    const listed = await listing.find(taskId)
    const stems = listed && isRunning(listed) ? await readProgress(taskId) : []
    const manifest = await read(taskId) // last, so that no separation has ended without one
    const entry = listed ? toEntry(listed, manifest) : manifest && toForgottenEntry(manifest)
    return entry && { ...entry, progress: toProgress(stems) }
  }

  // The pages of the list show no audio facts, so they do not read them.
  const readListed = (item: LibraryItem): Promise<ShownEntry | undefined> => readEntry(item, readManifest)

  const find = async (taskId: string): Promise<WholeSeparation | undefined> => {
    if (!taskIdSchema.safeParse(taskId).success) return undefined
    const listed = await listing.find(taskId)
    const stems = listed ? await readProgress(taskId) : []
    const manifest = await readWithAudio(taskId) // last, so that no separation has ended without one
    const entry = listed ? toEntry(listed, manifest) : manifest && toForgottenEntry(manifest)
    return entry && { ...entry, progress: toProgress(stems), manifest: manifest ?? null }
  }

  const readPage = async (view: LibraryView, read: typeof readListed): Promise<LibraryPage> => {
    const [{ items, more }, counts, isComplete] = await Promise.all([
      listing.page({ ...view, limit: PAGE_LENGTH }),
      listing.count(),
      listing.isComplete(),
    ])
    if (view.newer && !more) return readPage({ ...view, newer: undefined }, read) // the first page is a full one
    const entries = await Promise.all(items.map(read))
    const exact = view.search && !view.older && !view.newer ? await findExact(view.search, view.of) : undefined
    const [first, last] = [items[0], items.at(-1)].map(
      (item): LibraryPlace | undefined => item && [item.at, item.taskId],
    )
    return {
      separations: withFirst(
        entries.filter((entry) => entry !== undefined),
        exact,
      ),
      // A search whose time was up may show nothing, and go on all the same.
      newer: view.newer ? (first ?? more) : view.older && (first ?? view.older),
      older: view.newer ? (last ?? view.newer) : more,
      counts,
      isComplete,
    }
  }

  // A whole task ID also finds what the index does not have.
  const findExact = async (taskId: string, of: ListedStatus | undefined): Promise<ShownEntry | undefined> => {
    const found = await find(taskId)
    return found && (of === undefined || found.status === of) ? found : undefined
  }

  return {
    /**
     * A page of the list, newest first.
     *
     * @throws {QueueAwayError}
     */
    page: (view: LibraryView): Promise<LibraryPage> => readPage(view, readListed),
    /**
     * The same for those who look again and again: what has ended and did not change since is not read once more.
     *
     * @throws {QueueAwayError}
     */
    pageAgain: (view: LibraryView): Promise<LibraryPage> =>
      readPage(view, (item) => entries.read(item.taskId, item.changedAt, () => readListed(item), hasEnded)),
    /**
     * A step of a walk through all separations, or all of a status, newest first.
     *
     * @throws {QueueAwayError}
     */
    walk: async (
      status: ListedStatus | undefined,
      older: LibraryPlace | undefined,
      limit: number,
    ): Promise<LibraryStep> => {
      const { items, more } = await listing.page({ of: status, older, limit })
      const entries = await Promise.all(items.map((item) => readEntry(item, readWithAudio)))
      const fitting = entries
        .filter((entry) => entry !== undefined)
        .filter((entry) => status === undefined || entry.status === status)
      return { separations: fitting.map(({ progress: _left, ...entry }) => entry), more }
    },
    /**
     * All that is known of a separation; `undefined` when neither queue nor store know it.
     *
     * @throws {QueueAwayError}
     */
    find,
    /**
     * When something about a separation last changed, in milliseconds since 1970; `undefined` when the index does not have it.
     *
     * @throws {QueueAwayError}
     */
    changedAt: listing.changedAt,
  }
}

export type Library = ReturnType<typeof createLibrary>

const hasEnded = (entry: ShownEntry): boolean => !isRunning(entry)

const withFirst = (entries: ShownEntry[], first: ShownEntry | undefined): ShownEntry[] =>
  first ? [first, ...entries.filter(({ task_id }) => task_id !== first.task_id)] : entries

/** Is there an end to wait for? */
export const isRunning = ({ status }: { status: ListedStatus }): boolean =>
  status === 'expected' || status === 'waiting' || status === 'downloading'

const toEntry = (listed: ListedSeparation, manifest: ManifestWithAudio | undefined): LibraryEntry => {
  const { separation } = listed
  const running = isRunning(listed)
  const problem = listed.problem ?? (running || manifest ? null : 'its manifest.json is missing or cannot be read')
  return {
    task_id: separation.taskId,
    status: running || listed.problem ? listed.status : (manifest?.status ?? listed.status),
    type: separation.type,
    // A task that was given up has its last words in the manifest only.
    code: (running ? undefined : manifest?.code) ?? separation.code,
    msg: (running ? undefined : manifest?.msg) ?? separation.msg,
    received_at: separation.receivedAt,
    finished_at: running ? null : (manifest?.finished_at ?? null),
    problem,
    counts: listed.progress,
    stems: running ? runningStems(listed, manifest) : endedStems(separation.taskId, manifest),
    manifest_url: manifest ? hrefOf(separation.taskId, 'manifest.json') : null,
  }
}

// Only the store remembers it.
const toForgottenEntry = (manifest: ManifestWithAudio): LibraryEntry => {
  const { task_id, status, type, code, msg, received_at, finished_at } = manifest
  const total = Object.values(manifest.stems).filter((stem) => stem.status !== 'empty').length
  return {
    ...{ task_id, status, type, code, msg, received_at, finished_at },
    problem: null,
    counts: { ended: total, total },
    stems: endedStems(task_id, manifest),
    manifest_url: hrefOf(task_id, 'manifest.json'),
  }
}

const endedStems = (taskId: string, manifest: ManifestWithAudio | undefined): Record<string, LibraryStem> =>
  Object.fromEntries(Object.entries(manifest?.stems ?? {}).map(([name, stem]) => [name, withHref(taskId, stem)]))

// A separation that is driven again may have files already; they can be opened all the while.
const runningStems = (
  { separation }: ListedSeparation,
  manifest: ManifestWithAudio | undefined,
): Record<string, LibraryStem> =>
  Object.fromEntries(
    separation.stems.map(({ name, url }): [string, LibraryStem] => {
      const before = manifest?.stems[name]
      if (before?.status === 'saved') return [name, withHref(separation.taskId, before)]
      return [name, { status: url === null ? 'empty' : 'pending' }]
    }),
  )

const toProgress = (stems: JobProgress[]): Record<string, StemProgress> =>
  Object.fromEntries(
    stems.map(({ stem, state, bytes, total, attempts, lastError }): [string, StemProgress] => [
      stem,
      { state: PROGRESS_STATES[state] ?? 'waiting', bytes, total, attempts, last_error: lastError },
    ]),
  )

const PROGRESS_STATES: Record<string, StemProgress['state']> = {
  active: 'downloading',
  delayed: 'retrying',
  completed: 'saved',
  failed: 'failed',
}

const withHref = (taskId: string, stem: ManifestStem): LibraryStem =>
  stem.status === 'saved' ? { ...stem, href: hrefOf(taskId, stem.file) } : stem

const hrefOf = (taskId: string, file: string): string =>
  `/files/${encodeURIComponent(taskId)}/${encodeURIComponent(file)}`
