import { separationSchema } from '@stems/domain/separation'
import { type JobState, Queue } from 'bullmq'
import { QUEUES, type SeparationJob, type SeparationResult } from './jobs.ts'
import { createLibraryNotes, type ListedStatus, libraryKeys } from './library-notes.ts'
import { statusOf } from './listing.ts'
import type { RedisConnection } from './redis.ts'

const AT_ONCE = 200
const TURN_MS = 10 * 60_000

const STATES = [
  'waiting',
  'prioritized',
  'delayed',
  'active',
  'waiting-children',
  'failed',
  'completed',
] as const satisfies JobState[]

/** A separation that belongs into the list. */
export type KnownSeparation = { taskId: string; receivedAt: string; status: ListedStatus }

/**
 * Fills the library's index with what was there before it was: under an older version, or in a store whose Redis was lost.
 * What has a note already keeps it.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 */
export const createLibraryFill = (redis: RedisConnection, prefix: string) => {
  const { filled } = libraryKeys(prefix)
  const notes = createLibraryNotes(redis, prefix)
  const queue = new Queue<SeparationJob, SeparationResult>(QUEUES.separations, {
    connection: redis,
    prefix,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true,
  })
  queue.on('error', () => {}) // the connection reports its own outages

  const addAll = async (known: KnownSeparation[]): Promise<void> => {
    await Promise.all(known.map(({ taskId, receivedAt, status }) => notes.add(taskId, receivedAt, status)))
  }

  const readJob = async (id: string, state: JobState): Promise<KnownSeparation[]> => {
    const job = await queue.getJob(id).catch(() => undefined) // what nobody can read is in no list
    const separation = separationSchema.safeParse(job?.data?.separation).data
    if (!job || !separation) return []
    return [{ taskId: separation.taskId, receivedAt: separation.receivedAt, status: statusOf(job, state) }]
  }

  return {
    /**
     * Is it the caller's turn to fill an index that is not filled? Nobody else has one for ten minutes, unless it is given back.
     *
     * @throws when Redis is away
     */
    takeTurn: async (): Promise<boolean> =>
      (await redis.exists(filled)) === 0 &&
      (await redis.set(`${filled}:turn`, `${process.pid}`, 'PX', TURN_MS, 'NX')) === 'OK',
    giveTurnBack: async (): Promise<void> => {
      await redis.del(`${filled}:turn`)
    },
    /** Adds all that the queue remembers. */
    fromQueue: async (): Promise<void> => {
      for (const state of STATES) {
        for (let first = 0; ; first += AT_ONCE) {
          const ids = await queue.getRanges([state], first, first + AT_ONCE - 1)
          await addAll((await Promise.all(ids.map((id) => readJob(id, state)))).flat())
          if (ids.length < AT_ONCE) break
        }
      }
    },
    /** Adds what somebody else remembers. */
    addAll,
    /** From now on the index holds everything. */
    finish: async (): Promise<void> => {
      await redis.set(filled, '1')
      await redis.del(`${filled}:turn`)
    },
    close: () => queue.close(),
  }
}

export type LibraryFill = ReturnType<typeof createLibraryFill>
