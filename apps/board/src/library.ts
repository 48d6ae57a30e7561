import type { Manifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import type { ListedSeparation, Listing } from '@stems/queue/listing'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'

type ManifestStem = Manifest['stems'][string]

/** A stem of the library; `pending` while it is not known how it ends, `href` where it can be opened. */
export type LibraryStem = (ManifestStem & { href?: string }) | { status: 'pending' }

/** A separation of the library, in the words of the manifest. */
export type LibraryEntry = {
  task_id: string
  type: Manifest['type']
  status: ListedSeparation['status']
  code: number
  msg: string
  received_at: string
  finished_at: string | null
  /** Stems that have come to an end, of all that have a link; `null` where nothing runs. */
  progress: { ended: number; total: number } | null
  /** What keeps the separation as a whole from its end. */
  problem: string | null
  stems: Record<string, LibraryStem>
  /** Where the manifest can be opened. */
  manifest: string | null
}

export type LibraryPage = { page: number; pages: number; total: number; separations: LibraryEntry[] }

export type LibraryOptions = { listing: Listing; store: StemStore; log: Log }

const PAGE_LENGTH = 50

/** The library of separations: the queue knows what runs, the store's manifests what has come of it. */
export const createLibrary = ({ listing, store, log }: LibraryOptions) => {
  const readManifest = (taskId: string): Promise<Manifest | undefined> =>
    store.readManifest(taskId).catch((error: Error) => {
      log.warn({ taskId, error: error.message }, 'manifest.unreadable')
      return undefined
    })

  const readEntry = async (listed: ListedSeparation): Promise<LibraryEntry> =>
    toEntry(listed, await readManifest(listed.separation.taskId))

  return {
    /**
     * One page, newest first.
     *
     * @param page from 1
     * @throws {QueueAwayError}
     */
    page: async (page: number): Promise<LibraryPage> => {
      const { total, separations } = await listing.page((page - 1) * PAGE_LENGTH, PAGE_LENGTH)
      return {
        page,
        pages: Math.max(1, Math.ceil(total / PAGE_LENGTH)),
        total,
        separations: await Promise.all(separations.map(readEntry)),
      }
    },
    /**
     * The manifest of a separation, or its entry while it runs; `undefined` when neither queue nor store know it.
     *
     * @throws {QueueAwayError}
     */
    find: async (taskId: string): Promise<Manifest | LibraryEntry | undefined> => {
      if (!taskIdSchema.safeParse(taskId).success) return undefined
      const listed = await listing.find(taskId)
      const manifest = await readManifest(taskId)
      if (!listed) return manifest
      return isRunning(listed) ? toEntry(listed, manifest) : (manifest ?? toEntry(listed, manifest))
    },
  }
}

export type Library = ReturnType<typeof createLibrary>

/** Is there an end to wait for? */
export const isRunning = ({ status }: { status: ListedSeparation['status'] }): boolean =>
  status === 'waiting' || status === 'downloading'

const toEntry = (listed: ListedSeparation, manifest: Manifest | undefined): LibraryEntry => {
  const { separation, progress } = listed
  const running = isRunning(listed)
  const problem = listed.problem ?? (running || manifest ? null : 'its manifest.json is missing or cannot be read')
  return {
    task_id: separation.taskId,
    type: separation.type,
    status: running || listed.problem ? listed.status : (manifest?.status ?? listed.status),
    code: separation.code,
    msg: separation.msg,
    received_at: separation.receivedAt,
    finished_at: running ? null : (manifest?.finished_at ?? null),
    progress: running ? progress : null,
    problem,
    stems: running ? runningStems(listed, manifest) : endedStems(separation.taskId, manifest),
    manifest: manifest ? hrefOf(separation.taskId, 'manifest.json') : null,
  }
}

const endedStems = (taskId: string, manifest: Manifest | undefined): Record<string, LibraryStem> =>
  Object.fromEntries(Object.entries(manifest?.stems ?? {}).map(([name, stem]) => [name, withHref(taskId, stem)]))

// A separation that is driven again may have files already; they can be opened all the while.
const runningStems = ({ separation }: ListedSeparation, manifest: Manifest | undefined): Record<string, LibraryStem> =>
  Object.fromEntries(
    separation.stems.map(({ name, url }): [string, LibraryStem] => {
      const before = manifest?.stems[name]
      if (before?.status === 'saved') return [name, withHref(separation.taskId, before)]
      return [name, { status: url === null ? 'empty' : 'pending' }]
    }),
  )

const withHref = (taskId: string, stem: ManifestStem): LibraryStem =>
  stem.status === 'saved' ? { ...stem, href: hrefOf(taskId, stem.file) } : stem

const hrefOf = (taskId: string, file: string): string =>
  `/files/${encodeURIComponent(taskId)}/${encodeURIComponent(file)}`
