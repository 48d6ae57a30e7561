import type { RedisConnection } from './redis.ts'
import { defineScript } from './script.ts'

/** What a separation is doing. `expected`: its task was registered, and nobody has said anything of it yet. */
export const LISTED_STATUSES = ['expected', 'waiting', 'downloading', 'complete', 'partial', 'failed'] as const

export type ListedStatus = (typeof LISTED_STATUSES)[number]

/** The keys of the library's list: one sorted set per status, by the time at which each separation was first heard of. */
export const libraryKeys = (prefix: string) => {
  const of = (status: ListedStatus): string => `${prefix}:library:${status}`
  return { of, all: LISTED_STATUSES.map(of), changes: `${prefix}:library:changes`, filled: `${prefix}:library:filled` }
}

/** So many changes are told to those who look again and again; whoever has missed more looks at everything. */
export const REMEMBERED_CHANGES = 1000

/**
 * Keeps the library's list: which separations there are, in the order in which they were first heard of, each in the set of
 * its status. It says in what order to look, and the queue and the store say what there is to see: so a note may be made
 * twice, and one that was lost by a crash is made good by the next.
 *
 * @param redis stays the caller's to close
 */
export const createLibraryNotes = (redis: RedisConnection, prefix: string) => {
  const { all, changes } = libraryKeys(prefix)
  const keys = [...all, changes]
  const add = defineScript(redis, 'library:add', ADD)
  const addMade = defineScript(redis, 'library:add-made', ADD_MADE)
  const move = defineScript(redis, 'library:move', MOVE)
  const forget = defineScript(redis, 'library:forget', FORGET)

  return {
    /**
     * Notes a separation that nobody has heard of. One that is known stays what it is.
     *
     * @param receivedAt ISO; its place in the list for good
     */
    add: async (taskId: string, receivedAt: string, status: ListedStatus): Promise<void> => {
      await add(keys, taskId, REMEMBERED_CHANGES, placeOf(status), Date.parse(receivedAt))
    },
    /**
     * As `add`, for a separation whose job was added just before on the same connection: both go out in one write, and one
     * answer tells of both.
     *
     * @param jobKey the job's key in Redis
     * @param nonce stands in the data of the job that was to be made
     * @returns whether the job is there with this nonce
     */
    addMade: async (
      taskId: string,
      receivedAt: string,
      status: ListedStatus,
      { jobKey, nonce }: { jobKey: string; nonce: string },
    ): Promise<boolean> => {
      const place = [placeOf(status), Date.parse(receivedAt)]
      return (await addMade([jobKey, ...keys], taskId, REMEMBERED_CHANGES, ...place, nonce)) === 1
    },
    /**
     * Notes what a separation is doing now. One that nobody has heard of is added.
     *
     * @param only nothing is noted unless this was its status
     */
    move: async (taskId: string, receivedAt: string, status: ListedStatus, only?: ListedStatus): Promise<void> => {
      await move(keys, taskId, REMEMBERED_CHANGES, placeOf(status), Date.parse(receivedAt), only ? placeOf(only) : 0)
    },
    /** Tells those who look again and again that something about a separation is new. */
    tell: async (taskId: string): Promise<void> => {
      await redis.xadd(changes, 'MAXLEN', '~', REMEMBERED_CHANGES, '*', 'task', taskId)
    },
    /** Takes a separation out of the list. */
    forget: async (taskId: string): Promise<void> => {
      await forget(keys, taskId, REMEMBERED_CHANGES)
    },
  }
}

// As Lua counts.
const placeOf = (status: ListedStatus): number => LISTED_STATUSES.indexOf(status) + 1

const TELL = `
local function tell() redis.call('XADD', KEYS[#KEYS], 'MAXLEN', '~', ARGV[2], '*', 'task', ARGV[1]) end
`

const NOTE = `${TELL}
local function note(before)
  for set = before + 1, #KEYS - 1 do if redis.call('ZSCORE', KEYS[set], ARGV[1]) then return end end
  redis.call('ZADD', KEYS[before + tonumber(ARGV[3])], ARGV[4], ARGV[1])
  tell()
end
`

const ADD = `${NOTE}
note(0)
`

const ADD_MADE = `${NOTE}
note(1)
return string.find(redis.call('HGET', KEYS[1], 'data') or '', ARGV[5], 1, true) and 1 or 0
`

const MOVE = `${TELL}
local to, at, only, known = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), nil
for set = 1, #KEYS - 1 do
  local score = redis.call('ZSCORE', KEYS[set], ARGV[1])
  if score then
    known, at = set, score
    break -- each stands in one
  end
end
if only ~= 0 and only ~= known then return end
if known and known ~= to then redis.call('ZREM', KEYS[known], ARGV[1]) end
if known ~= to then redis.call('ZADD', KEYS[to], at, ARGV[1]) end
tell()
`

const FORGET = `${TELL}
for set = 1, #KEYS - 1 do redis.call('ZREM', KEYS[set], ARGV[1]) end
tell()
`
