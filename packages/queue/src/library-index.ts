import type { ChainableCommander } from 'ioredis'
import type { RedisConnection } from './redis.ts'
import { defineScript } from './script.ts'

/** What a separation is doing. `expected`: its task is registered, and its callback has not arrived. */
export const LISTED_STATUSES = ['expected', 'waiting', 'downloading', 'complete', 'partial', 'failed'] as const

export type ListedStatus = (typeof LISTED_STATUSES)[number]

/**
 * The keys of the library's index.
 * - `tasks`: a sorted set of all tasks by the time at which each was first received.
 * - `entries`: a hash by task: its status, and when the entry last changed.
 * - `counts`: a hash by status: how many tasks have it.
 * - `complete`: when the index was last known to hold everything that the store holds.
 */
export const libraryKeys = (prefix: string) => ({
  tasks: `${prefix}:library`,
  entries: `${prefix}:library:entries`,
  counts: `${prefix}:library:counts`,
  complete: `${prefix}:library:complete`,
})

/** A separation that belongs into the index. Times are ISO. */
export type IndexedSeparation = { taskId: string; receivedAt: string; status: ListedStatus }

/**
 * Keeps the library's index: which separations there are, in the order in which they were received, and the status of each.
 * It is written with the jobs and decides nothing about them; what a page shows is read from the queue and the store.
 *
 * @param redis stays the caller's to close
 */
export const createLibraryIndex = (redis: RedisConnection, prefix: string) => {
  const { tasks, entries, counts, complete } = libraryKeys(prefix)
  const keys = [tasks, entries, counts]
  const put = defineScript(redis, 'library:put', PUT)
  const remove = defineScript(redis, 'library:remove', REMOVE)
  const argumentsOf = ({ taskId, receivedAt, status }: IndexedSeparation, mode: 'add' | 'move' | 'touch') =>
    [taskId, Date.parse(receivedAt), status, Date.now(), mode] as const

  return {
    /** Adds a separation. One that is in the index stays as it is. */
    add: async (separation: IndexedSeparation): Promise<void> => {
      await put(keys, ...argumentsOf(separation, 'add'))
    },
    /**
     * As `add`, as a command of the transaction that adds the job, and before it. Where the job is there already, the index
     * stays as it is.
     */
    addWithJob: (transaction: ChainableCommander, separation: IndexedSeparation, jobKey: string): void =>
      put.in(transaction, [...keys, jobKey], ...argumentsOf(separation, 'add')),
    /** Sets the status of a separation, and adds it where it is missing. Its place in the order never changes. */
    move: async (separation: IndexedSeparation): Promise<void> => {
      await put(keys, ...argumentsOf(separation, 'move'))
    },
    /** Marks a separation as changed, so that live pages read it again. */
    touch: async (taskId: string): Promise<void> => {
      await put(keys, taskId, 0, '', Date.now(), 'touch')
    },
    remove: async (taskId: string): Promise<void> => {
      await remove(keys, taskId)
    },
    /** When the index was last known to be complete (ISO); null when that is unknown: Redis is new, or has lost its data. */
    completeAt: (): Promise<string | null> => redis.get(complete),
    markComplete: async (at: string): Promise<void> => {
      await redis.set(complete, at)
    },
  }
}

export type LibraryIndex = ReturnType<typeof createLibraryIndex>

// KEYS: tasks, entries, counts, and perhaps a job that must not be there. ARGV: task, when it was received, status, now, mode.
// The counts change with the entries, so that neither can come to differ from the other.
const PUT = `
if KEYS[4] and redis.call('EXISTS', KEYS[4]) == 1 then return end
local task, status, mode = ARGV[1], ARGV[3], ARGV[5]
local entry = redis.call('HGET', KEYS[2], task)
local before = entry and string.match(entry, '^%a+')
if (entry and mode == 'add') or (not entry and mode == 'touch') then return end
if mode == 'touch' then status = before end
if not entry then redis.call('ZADD', KEYS[1], 'NX', ARGV[2], task) end
redis.call('HSET', KEYS[2], task, status .. ' ' .. ARGV[4])
if before == status then return end
if before then redis.call('HINCRBY', KEYS[3], before, -1) end
redis.call('HINCRBY', KEYS[3], status, 1)
`

const REMOVE = `
local entry = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
if not entry then return end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[3], string.match(entry, '^%a+'), -1)
`
