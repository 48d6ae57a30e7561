import { execAll } from './exec.ts'
import { LISTED_STATUSES, type ListedStatus, libraryKeys } from './library-index.ts'
import type { QueueAccess } from './open-queue.ts'
import { askRedis } from './queue-away-error.ts'
import { defineScript } from './script.ts'

/** A place in the index: when a separation was received, in milliseconds since 1970, and its task. */
export type LibraryPlace = [at: number, taskId: string]

/** A separation in the index. `changedAt`: when its entry last changed, in milliseconds since 1970. */
export type LibraryItem = { taskId: string; at: number; status: ListedStatus; changedAt: number }

export type LibraryQuery = {
  /** All statuses where it is left out. */
  of?: ListedStatus | undefined
  /** Only tasks whose id contains this, in any case. */
  search?: string | undefined
  /** Only what stands behind this place, or before it; from the newest on where both are left out. */
  older?: LibraryPlace | undefined
  newer?: LibraryPlace | undefined
  limit: number
}

/** Newest first. `more`: the place from which to continue in the same direction, where there may be more. */
export type LibraryItems = { items: LibraryItem[]; more: LibraryPlace | undefined }

const FILTERED_AT_ONCE = 1000
const LONGEST_FILTERING_MS = 400

/**
 * Reads the library's index. A page costs the same wherever it is and however long the index is. A filter by status or text
 * looks at one task after the other until its time is up; what it has not reached is on its next page.
 */
export const createLibraryPages = ({ redis, prefix, deadlineMs }: QueueAccess) => {
  const { tasks, entries, counts, complete } = libraryKeys(prefix)
  const readPart = defineScript(redis, 'library:read', READ)

  const read = async ({ older, newer }: LibraryQuery, length: number): Promise<LibraryItem[]> => {
    const [at, taskId] = newer ?? older ?? [Number.MAX_SAFE_INTEGER, '']
    const flat = (await readPart([tasks, entries], newer ? 'newer' : 'older', at, taskId, length)) as string[]
    return Array.from({ length: flat.length / 3 }, (_, index) => toItem(flat.slice(3 * index, 3 * index + 3)))
  }

  const readPage = async (query: LibraryQuery): Promise<LibraryItems> => {
    const items = await read(query, query.limit + 1)
    const last = items[query.limit - 1]
    return { items: items.slice(0, query.limit), more: last && items.length > query.limit ? placeOf(last) : undefined }
  }

  // When all that have the status are found, the rest of the index is not looked at.
  const readFiltered = async ({ of, search = '', limit, ...from }: LibraryQuery): Promise<LibraryItems> => {
    const wanted = search.toLowerCase()
    const most = of && !from.older && !from.newer && wanted === '' ? (await count())[of] : Number.POSITIVE_INFINITY
    const until = performance.now() + LONGEST_FILTERING_MS
    const found: LibraryItem[] = []
    let place = from
    while (found.length < most) {
      const { items, more } = await readPage({ ...place, limit: FILTERED_AT_ONCE })
      for (const item of items) {
        if ((of && item.status !== of) || !item.taskId.toLowerCase().includes(wanted)) continue
        const last = found.at(-1)
        if (last && found.length === limit) return { items: found, more: placeOf(last) }
        found.push(item)
      }
      if (!more || performance.now() > until) return { items: found, more }
      place = from.newer ? { newer: more } : { older: more }
    }
    return { items: found.slice(0, limit), more: undefined }
  }

  const count = async (): Promise<Record<ListedStatus, number>> => {
    const known = await redis.hgetall(counts)
    return Object.fromEntries(LISTED_STATUSES.map((status) => [status, Number(known[status] ?? 0)])) as Record<
      ListedStatus,
      number
    >
  }

  const readEitherWay = async (query: LibraryQuery): Promise<LibraryItems> => {
    const { items, more } = query.of || query.search ? await readFiltered(query) : await readPage(query)
    return { items: query.newer ? items.reverse() : items, more }
  }

  const readChangedAt = async (taskId: string): Promise<number | undefined> => {
    const [score, entry] = await execAll(redis.multi().zscore(tasks, taskId).hget(entries, taskId))
    return score === null ? undefined : toItem([taskId, `${score}`, `${entry ?? ''}`]).changedAt
  }

  const ask = <T>(work: () => Promise<T>): Promise<T> => askRedis(deadlineMs, work)

  /** Each throws {@link QueueAwayError} when Redis does not answer. */
  return {
    /**
     * A page of the list. Going from page to page misses no separation that was there, with the status that is asked
     * for, from the first page to the last: its place in the index never changes.
     */
    page: (query: LibraryQuery) => ask(() => readEitherWay(query)),
    /** How many separations have each status. */
    count: () => ask(count),
    /** When the entry of a task last changed, in milliseconds since 1970; `undefined` when the index does not have it. */
    changedAt: (taskId: string) => ask(() => readChangedAt(taskId)),
    /** Does the index hold everything that the store holds? */
    isComplete: () => ask(async () => (await redis.exists(complete)) === 1),
  }
}

const placeOf = ({ at, taskId }: LibraryItem): LibraryPlace => [at, taskId]

const toItem = ([taskId = '', at = '', entry = '']: string[]): LibraryItem => {
  const [status, changedAt] = entry.split(' ')
  const known = LISTED_STATUSES.find((listed) => listed === status) ?? 'waiting'
  return { taskId, at: Number(at), status: known, changedAt: Number(changedAt ?? 0) }
}

// KEYS: tasks, entries. ARGV: direction, then the time and the task of the place, and how many. One step, so that no task can
// move between finding the place and reading from it. A place whose task is gone counts by its time.
const READ = `
local older = ARGV[1] == 'older'
local rank = redis.call(older and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[3])
local first = rank and rank + 1
  or older and redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[2], '+inf')
  or redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[2])
local found = redis.call(older and 'ZREVRANGE' or 'ZRANGE', KEYS[1], first, first + ARGV[4] - 1, 'WITHSCORES')
if #found == 0 then return {} end
local ids, answer = {}, {}
for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
for i, entry in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
  answer[#answer + 1] = ids[i]
  answer[#answer + 1] = found[2 * i]
  answer[#answer + 1] = entry or ''
end
return answer
`
