import { setImmediate as turnEnds } from 'node:timers/promises'
import type { RedisConnection } from './redis.ts'
import { defineScript, type RunScript } from './script.ts'

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
  const noteMade = createTurnBatch(defineScript(redis, 'library:add-made', ADD_MADE), keys)
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
     * As `add`, for a separation whose job is added in this turn of the event loop on the same connection: both go out in
     * one write, and one answer tells of both.
     *
     * @param jobKey the job's key in Redis
     * @param nonce stands in the data of the job that was to be made
     * @returns whether the job is there with this nonce
     */
    addMade: (
      taskId: string,
      receivedAt: string,
      status: ListedStatus,
      { jobKey, nonce }: { jobKey: string; nonce: string },
    ): Promise<boolean> => noteMade(jobKey, taskId, placeOf(status), Date.parse(receivedAt), nonce),
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

/** A function takes so many arguments and no more, and Redis does nothing else meanwhile. */
const NOTED_AT_ONCE = 1000

type Batch = { jobKeys: string[]; said: (string | number)[]; answers: Promise<number[]> }

// The notes of one turn of the event loop go to Redis as one command, when its jobs have been sent.
const createTurnBatch = (run: RunScript, keys: string[]) => {
  let open: Batch | undefined

  const begin = (): Batch => {
    const jobKeys: string[] = []
    const said: (string | number)[] = []
    const send = async (): Promise<number[]> => {
      await turnEnds()
      if (open === batch) open = undefined
      return (await run([...jobKeys, ...keys], REMEMBERED_CHANGES, ...said)) as number[]
    }
    const batch = { jobKeys, said, answers: send() }
    return batch
  }

  return async (
    jobKey: string,
    ...ofJob: [taskId: string, place: number, at: number, nonce: string]
  ): Promise<boolean> => {
    if (!open || open.jobKeys.length === NOTED_AT_ONCE) open = begin()
    const { jobKeys, said, answers } = open
    const mine = jobKeys.push(jobKey) - 1
    said.push(...ofJob)
    return (await answers)[mine] === 1
  }
}

// As Lua counts.
const placeOf = (status: ListedStatus): number => LISTED_STATUSES.indexOf(status) + 1

const TELL = `
local function tell() redis.call('XADD', KEYS[#KEYS], 'MAXLEN', '~', ARGV[2], '*', 'task', ARGV[1]) end
`

const ADD = `${TELL}
for set = 1, #KEYS - 1 do if redis.call('ZSCORE', KEYS[set], ARGV[1]) then return end end
redis.call('ZADD', KEYS[tonumber(ARGV[3])], ARGV[4], ARGV[1])
tell()
`

// KEYS: the jobs, the sets, the changes. ARGV: how many changes are remembered, then task, place, time and nonce of each job.
const ADD_MADE = `
local jobs, changes, answers = (#ARGV - 1) / 4, KEYS[#KEYS], {}
local function isKnown(task)
  for set = jobs + 1, #KEYS - 1 do if redis.call('ZSCORE', KEYS[set], task) then return true end end
end
for job = 1, jobs do
  local at = 4 * job - 2
  local task, nonce = ARGV[at], ARGV[at + 3]
  if not isKnown(task) then
    redis.call('ZADD', KEYS[jobs + ARGV[at + 1]], ARGV[at + 2], task)
    redis.call('XADD', changes, 'MAXLEN', '~', ARGV[1], '*', 'task', task)
  end
  answers[job] = string.find(redis.call('HGET', KEYS[job], 'data') or '', nonce, 1, true) and 1 or 0
end
return answers
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
