import { randomUUID } from 'node:crypto'
import { separationSchema } from '@stems/domain/separation'
import type { JobState } from 'bullmq'
import { QUEUES, type SeparationJob, type SeparationResult, separationJobId } from './jobs.ts'
import { createLibraryNotes, type ListedStatus, libraryKeys } from './library-notes.ts'
import { statusOf } from './listing.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'

const AT_ONCE = 200
const TURN_MS = 5 * 60_000 // prolonged with each batch
const AGAIN_MS = 3600_000
const OVERLAP_MS = 3600_000 // clocks differ
// The queue remembers ended separations for so long at least: of what ended before, only the store knows.
const REMEMBERED_MS = 14 * 24 * 3600_000

const MOVING = ['waiting', 'prioritized', 'delayed', 'active', 'waiting-children'] as const satisfies JobState[]
const ENDED = ['failed', 'completed'] as const

/** A separation that belongs into the list. */
export type KnownSeparation = { taskId: string; receivedAt: string; status: ListedStatus }

/** What is to be done: `all`, where the list is new or nobody has looked after it for long; `lately`: what others may have left out. */
export type FillTurn = { what: 'all' | 'lately'; since: number; startedAt: number; token: string }

/**
 * Fills the library's list with what nobody has noted: what was there before the list was kept, what processes of an older
 * version do, and a store whose Redis was lost. What has a note keeps it.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createLibraryFill = (redis: RedisConnection, prefix: string) => {
  const { filled, all } = libraryKeys(prefix)
  const turnKey = `${filled}:turn`
  const notes = createLibraryNotes(redis, prefix)
  const queue = openQueue<SeparationJob, SeparationResult>(redis, prefix, QUEUES.separations)

  const addAll = async (known: KnownSeparation[]): Promise<void> => {
    await Promise.all(known.map(({ taskId, receivedAt, status }) => notes.add(taskId, receivedAt, status)))
    await redis.pexpire(turnKey, TURN_MS)
  }

  // Hardly any is missing as a rule, and to look costs less than to read.
  const unlisted = async (ids: string[]): Promise<string[]> => {
    const asked = redis.pipeline()
    for (const id of ids) for (const key of all) asked.zscore(key, id.slice(separationJobId('').length))
    const scores = ((await asked.exec()) ?? []).map(([error, score]) => {
      if (error) throw error
      return score
    })
    return ids.filter((_, index) =>
      scores.slice(index * all.length, (index + 1) * all.length).every((score) => score === null),
    )
  }

  const readJob = async (id: string, state: JobState): Promise<KnownSeparation[]> => {
    const job = await queue.getJob(id).catch(() => undefined) // what nobody can read is in no list
    const separation = separationSchema.safeParse(job?.data?.separation).data
    if (!job || !separation) return []
    return [{ taskId: separation.taskId, receivedAt: separation.receivedAt, status: statusOf(job, state) }]
  }

  const addJobs = async (ids: string[], state: JobState): Promise<void> => {
    const missing = await unlisted(ids)
    await addAll((await Promise.all(missing.map((id) => readJob(id, state)))).flat())
  }

  async function* idsOf(state: JobState, since: number): AsyncGenerator<string[]> {
    const isEnded = ENDED.some((ended) => ended === state)
    for (let first = 0; ; first += AT_ONCE) {
      const ids = isEnded
        ? await redis.zrangebyscore(queue.toKey(state), since, '+inf', 'LIMIT', first, AT_ONCE)
        : await queue.getRanges([state], first, first + AT_ONCE - 1)
      yield ids
      if (ids.length < AT_ONCE) return
    }
  }

  return {
    /**
     * Is it the caller's turn to fill the list? One at a time does, once an hour; a turn that nobody goes on with ends by itself.
     *
     * @throws when Redis is away
     */
    takeTurn: async (): Promise<FillTurn | undefined> => {
      const last = Number(await redis.get(filled))
      const startedAt = Date.now()
      if (startedAt - last < AGAIN_MS) return undefined
      const token = randomUUID()
      if ((await redis.set(turnKey, token, 'PX', TURN_MS, 'NX')) !== 'OK') return undefined
      const what = startedAt - last > REMEMBERED_MS ? 'all' : 'lately'
      return { what, since: what === 'all' ? 0 : last - OVERLAP_MS, startedAt, token }
    },
    /** Gives a turn back that came to nothing. */
    giveTurnBack: async ({ token }: FillTurn): Promise<void> => {
      if ((await redis.get(turnKey)) === token) await redis.del(turnKey)
    },
    /** Adds what the queue remembers, as far as it is the matter of this turn. */
    fromQueue: async ({ since }: Pick<FillTurn, 'since'>, signal?: AbortSignal): Promise<void> => {
      for (const state of [...MOVING, ...ENDED]) {
        for await (const ids of idsOf(state, since)) {
          signal?.throwIfAborted()
          await addJobs(ids, state)
        }
      }
    },
    /** Adds what somebody else remembers. */
    addAll,
    /** The list holds everything that there was when the turn began. */
    finish: async ({ startedAt }: Pick<FillTurn, 'startedAt'>): Promise<void> => {
      await redis.set(filled, startedAt)
      await redis.del(turnKey)
    },
    close: () => queue.close(),
  }
}

export type LibraryFill = ReturnType<typeof createLibraryFill>
