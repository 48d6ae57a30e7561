import type { Manifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { type ListedSeparation, type Listing, QueueAwayError } from '@stems/queue/listing'
import type { StemProgress as JobProgress, ProgressReader } from '@stems/queue/progress'
import type { ListedStatus } from '@stems/queue/walk-cursor'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { LibraryEntry, LibraryStem, StemProgress, WholeSeparation } from './separation-schemas.ts'

type ManifestStem = Manifest['stems'][string]

export type LibraryPage = { page: number; pages: number; total: number; separations: LibraryEntry[] }

/** A step of a walk through all separations; `next_cursor` is null when all were shown. */
export type LibraryStep = { separations: LibraryEntry[]; next_cursor: string | null }

export type LibraryOptions = { listing: Listing; progress: ProgressReader; store: StemStore; log: Log }

const PAGE_LENGTH = 50

/** The library of separations: the queue knows what runs, the store's manifests what has come of it. */
export const createLibrary = ({ listing, progress, store, log }: LibraryOptions) => {
  const readManifest = (taskId: string): Promise<Manifest | undefined> =>
    store.readManifest(taskId).catch((error: Error) => {
      log.warn({ taskId, error: error.message }, 'manifest.unreadable')
      return undefined
    })

  const readProgress = (taskId: string): Promise<JobProgress[]> =>
    progress.read(taskId).then(
      (stems) => stems ?? [],
      (error: unknown) => {
        throw new QueueAwayError(error)
      },
    )

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
     * A step of a walk through all separations, or all of a status; it may show fewer than the limit, or none, and go on.
     *
     * @throws {QueueAwayError}
     * @throws {CursorError}
     */
    walk: async (status: ListedStatus | undefined, cursor: string | undefined, limit: number): Promise<LibraryStep> => {
      const { separations, next } = await listing.walk(status, cursor, limit)
      const entries = await Promise.all(separations.map(readEntry))
      const fitting = entries.filter((entry) => status === undefined || entry.status === status)
      return { separations: fitting, next_cursor: next }
    },
    /**
     * All that is known of a separation; `undefined` when neither queue nor store know it.
     *
     * @throws {QueueAwayError}
     */
    find: async (taskId: string): Promise<WholeSeparation | undefined> => {
      if (!taskIdSchema.safeParse(taskId).success) return undefined
      const listed = await listing.find(taskId)
      const stems = listed ? await readProgress(taskId) : []
      const manifest = await readManifest(taskId) // last, so that no separation has ended without one
      const entry = listed ? toEntry(listed, manifest) : manifest && toForgottenEntry(manifest)
      return entry && { ...entry, progress: toProgress(stems), manifest: manifest ?? null }
    },
  }
}

export type Library = ReturnType<typeof createLibrary>

/** Is there an end to wait for? */
export const isRunning = ({ status }: { status: ListedStatus }): boolean =>
  status === 'expected' || status === 'waiting' || status === 'downloading'

const toEntry = (listed: ListedSeparation, manifest: Manifest | undefined): LibraryEntry => {
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
const toForgottenEntry = (manifest: Manifest): LibraryEntry => {
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
