import type { Manifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { askShards } from '@stems/queue/ask-shards'
import { type ListedSeparation, type Listing, QueueAwayError } from '@stems/queue/listing'
import type { StemProgress as JobProgress, ProgressReader } from '@stems/queue/progress'
import { createShardWalk } from '@stems/queue/shard-walk'
import type { Shards } from '@stems/queue/shards'
import type { ListedStatus } from '@stems/queue/walk-cursor'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { partLength } from './page-parts.ts'
import type { LibraryEntry, LibraryStem, StemProgress, WholeSeparation } from './separation-schemas.ts'

type ManifestStem = Manifest['stems'][string]

/** `away`: shards of which nothing is shown. */
export type LibraryPage = { page: number; pages: number; total: number; separations: LibraryEntry[]; away: string[] }

/** A step of a walk through all separations; `next_cursor` is null when all were shown. */
export type LibraryStep = { separations: LibraryEntry[]; next_cursor: string | null; away: string[] }

type LibraryShard = {
  name: string
  listing: Pick<Listing, 'page' | 'walk' | 'find'>
  progress: Pick<ProgressReader, 'read'>
}

export type LibraryOptions = { shards: Shards<LibraryShard>; store: StemStore; log: Log }

const PAGE_LENGTH = 50

/** The library of separations: the queues know what runs, the store's manifests what has come of it. */
export const createLibrary = ({ shards, store, log }: LibraryOptions) => {
  const areSeveral = shards.all.length > 1
  const walk = createShardWalk(shards)

  const readManifest = (taskId: string): Promise<Manifest | undefined> =>
    store.readManifest(taskId).catch((error: Error) => {
      log.warn({ taskId, error: error.message }, 'manifest.unreadable')
      return undefined
    })

  const readProgress = ({ progress }: LibraryShard, taskId: string): Promise<JobProgress[]> =>
    progress.read(taskId).then(
      (stems) => stems ?? [],
      (error: unknown) => {
        throw new QueueAwayError(error)
      },
    )

  const readEntry = async ({ shard, listed }: { shard: string; listed: ListedSeparation }): Promise<LibraryEntry> => ({
    ...toEntry(listed, await readManifest(listed.separation.taskId)),
    ...(areSeveral ? { shard } : {}),
  })

  // Since a shard was added or taken away, a task may be in another one than its own.
  const findListed = async (taskId: string): Promise<{ shard: LibraryShard; listed: ListedSeparation } | undefined> => {
    const own = shards.of(taskId)
    const listed = await own.listing.find(taskId).catch((error: unknown) => {
      throw areSeveral ? new QueueAwayError(error, own.name) : error
    })
    if (listed) return { shard: own, listed }
    const others = shards.all.filter((shard) => shard !== own)
    const found = await Promise.all(others.map(({ listing }) => listing.find(taskId).catch(() => undefined)))
    const index = found.findIndex((one) => one !== undefined)
    const shard = others[index]
    return shard && { shard, listed: found[index] as ListedSeparation }
  }

  return {
    /**
     * One page, newest first; of several shards a part each.
     *
     * @param page from 1
     * @throws {QueueAwayError} when all are away
     */
    page: async (page: number): Promise<LibraryPage> => {
      const length = partLength(PAGE_LENGTH, shards.all)
      const { answers, away } = await askShards(shards.all, ({ listing }) => listing.page((page - 1) * length, length))
      const listed = answers.flatMap(({ shard, answer }) =>
        answer.separations.map((each) => ({ shard: shard.name, listed: each })),
      )
      const entries = await Promise.all(listed.map(readEntry))
      return {
        page,
        pages: Math.max(1, ...answers.map(({ answer }) => Math.ceil(answer.total / length))),
        total: answers.reduce((sum, { answer }) => sum + answer.total, 0),
        separations: areSeveral ? entries.sort(byReceivedLast) : entries,
        away,
      }
    },
    /**
     * A step of a walk through all separations, or all of a status; it may show fewer than the limit, or none, and go on.
     *
     * @throws {QueueAwayError} when all shards are away
     * @throws {CursorError}
     */
    walk: async (status: ListedStatus | undefined, cursor: string | undefined, limit: number): Promise<LibraryStep> => {
      const { separations, next, away } = await walk(status, cursor, limit)
      const entries = await Promise.all(separations.map(readEntry))
      const fitting = entries.filter((entry) => status === undefined || entry.status === status)
      return { separations: areSeveral ? fitting.sort(byEndedLast) : fitting, next_cursor: next, away }
    },
    /**
     * All that is known of a separation; `undefined` when neither queue nor store know it.
     *
     * @throws {QueueAwayError} when the task's shard is away
     */
    find: async (taskId: string): Promise<WholeSeparation | undefined> => {
      if (!taskIdSchema.safeParse(taskId).success) return undefined
      const found = await findListed(taskId)
      const stems = found ? await readProgress(found.shard, taskId) : []
      const manifest = await readManifest(taskId) // last, so that no separation has ended without one
      const entry = found ? toEntry(found.listed, manifest) : manifest && toForgottenEntry(manifest)
      const shard = found && areSeveral ? { shard: found.shard.name } : {}
      return entry && { ...entry, ...shard, progress: toProgress(stems), manifest: manifest ?? null }
    },
  }
}

export type Library = ReturnType<typeof createLibrary>

/** Is there an end to wait for? */
export const isRunning = ({ status }: { status: ListedStatus }): boolean =>
  status === 'expected' || status === 'waiting' || status === 'downloading'

const byReceivedLast = (a: LibraryEntry, b: LibraryEntry): number =>
  Date.parse(b.received_at) - Date.parse(a.received_at)

// Those that have not ended come after those that have.
const byEndedLast = (a: LibraryEntry, b: LibraryEntry): number =>
  Date.parse(b.finished_at ?? NEVER) - Date.parse(a.finished_at ?? NEVER)

const NEVER = new Date(0).toISOString()

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
