import { LISTED_STATUSES, type ListedStatus, libraryKeys, REMEMBERED_CHANGES } from './library-notes.ts'
import type { RedisConnection } from './redis.ts'

/** A place in the list: when a separation was first heard of, in milliseconds since 1970, and its task. */
export type LibraryPlace = [at: number, taskId: string]

/** A separation as the list knows it. */
export type LibraryItem = { taskId: string; at: number; status: ListedStatus }

export type LibraryQuery = {
  /** All statuses where it is left out. */
  of?: ListedStatus | undefined
  /** Only tasks whose id holds this, in whatever case. */
  search?: string | undefined
  /** Only what stands behind this place, or before it; from the newest on where both are left out. */
  older?: LibraryPlace | undefined
  newer?: LibraryPlace | undefined
  limit: number
}

/** Newest first. `more`: the place from which to go on in the same direction, where there may be more. */
export type LibraryItems = { items: LibraryItem[]; more: LibraryPlace | undefined }

/** Which tasks have changed; `all` when nobody remembers which. `last`: where to go on next time. */
export type LibraryChanges = { tasks: Set<string> | 'all'; last: string | undefined }

const SEARCHED_AT_ONCE = 5000
const LONGEST_SEARCH_MS = 400

/**
 * Reads the library's list: pages of it cost the same wherever they are and however long it is. A search looks at every
 * task until its time is up; what it has not come to is on its next page.
 */
export const createLibraryPages = (redis: RedisConnection, prefix: string) => {
  const keys = libraryKeys(prefix)

  // All sets are read in one step: a separation that moves from one to another is in exactly one of them.
  const readSets = async ({ of, older, newer }: LibraryQuery, length: number): Promise<LibraryItem[][]> => {
    const statuses = of ? [of] : LISTED_STATUSES
    const asked = redis.multi()
    for (const status of statuses) {
      const [key, from] = [keys.of(status), (newer ?? older)?.[0]]
      if (newer) asked.zrangebyscore(key, `${from}`, '+inf', 'WITHSCORES', 'LIMIT', 0, length)
      else asked.zrevrangebyscore(key, `${from ?? '+inf'}`, '-inf', 'WITHSCORES', 'LIMIT', 0, length)
    }
    return answersOf(await asked.exec()).map((answer, index) => {
      const flat = answer as string[]
      const status = statuses[index] as ListedStatus
      return flat.flatMap((taskId, at) =>
        at % 2 === 0 ? [{ taskId, at: Number(flat[at + 1]), status } satisfies LibraryItem] : [],
      )
    })
  }

  // Those of one millisecond as the place are read with it; there may be so many of them that nothing else was read.
  const readBeyond = async (query: LibraryQuery): Promise<LibraryItems> => {
    const { limit, newer } = query
    for (let length = limit + 1; ; length *= 2) {
      const sets = await readSets(query, length)
      const beyond = sets.map((items) => items.filter((item) => isBeyond(item, query)))
      if (beyond.some((items, index) => items.length <= limit && sets[index]?.length === length)) continue
      const all = beyond.flat().sort(newer ? oldestFirst : newestFirst)
      const items = all.slice(0, limit)
      const last = items.at(-1)
      return { items, more: last && all.length > limit ? [last.at, last.taskId] : undefined }
    }
  }

  const search = async (query: LibraryQuery, text: string): Promise<LibraryItems> => {
    const wanted = text.toLowerCase()
    const until = performance.now() + LONGEST_SEARCH_MS
    const found: LibraryItem[] = []
    let { older, newer } = query
    for (;;) {
      const { items, more } = await readBeyond({ ...query, older, newer, limit: SEARCHED_AT_ONCE })
      for (const item of items) {
        if (!item.taskId.toLowerCase().includes(wanted)) continue
        const last = found.at(-1)
        if (last && found.length === query.limit) return { items: found, more: [last.at, last.taskId] }
        found.push(item)
      }
      if (!more || performance.now() > until) return { items: found, more }
      if (newer) newer = more
      else older = more
    }
  }

  return {
    /** A page of the list. */
    read: async (query: LibraryQuery): Promise<LibraryItems> => {
      const page = query.search ? await search(query, query.search) : await readBeyond(query)
      return { ...page, items: page.items.sort(newestFirst) }
    },
    /** How many separations there are of each status. */
    count: async (): Promise<Record<ListedStatus, number>> => {
      const asked = redis.multi()
      for (const key of keys.all) asked.zcard(key)
      const counts = answersOf(await asked.exec())
      return Object.fromEntries(LISTED_STATUSES.map((status, index) => [status, counts[index] as number])) as Record<
        ListedStatus,
        number
      >
    },
    /** What has changed since somebody last asked; `last` is what he was told then. */
    changesSince: async (last: string | undefined): Promise<LibraryChanges> => {
      if (last === undefined) {
        const [newest] = await redis.xrevrange(keys.changes, '+', '-', 'COUNT', 1)
        return { tasks: 'all', last: newest?.[0] }
      }
      const [first, ...since] = await redis.xrange(keys.changes, last, '+', 'COUNT', REMEMBERED_CHANGES)
      if (first?.[0] !== last || since.length === REMEMBERED_CHANGES - 1) return { tasks: 'all', last: undefined }
      return { tasks: new Set(since.map(([, [, taskId = '']]) => taskId)), last: since.at(-1)?.[0] ?? last }
    },
    /** Does the index hold all that was there before it was? */
    isFilled: async (): Promise<boolean> => (await redis.exists(keys.filled)) === 1,
  }
}

/** The order of the list, over several indexes too: newest first, those of one millisecond in the reverse order of their ids. */
export const newestFirst = (a: LibraryItem, b: LibraryItem): number => b.at - a.at || byId(b, a)

const oldestFirst = (a: LibraryItem, b: LibraryItem): number => newestFirst(b, a)

// Ids are ASCII, so that their order is the one of Redis, by bytes.
const byId = (a: LibraryItem, b: LibraryItem): number => {
  if (a.taskId === b.taskId) return 0
  return a.taskId < b.taskId ? -1 : 1
}

const isBeyond = (item: LibraryItem, { older, newer }: LibraryQuery): boolean => {
  const place = newer ?? older
  if (!place) return true
  const order = newestFirst(item, { at: place[0], taskId: place[1], status: item.status })
  return newer ? order < 0 : order > 0
}

const answersOf = (results: [error: Error | null, answer: unknown][] | null): unknown[] =>
  (results ?? []).map(([error, answer]) => {
    if (error) throw error
    return answer
  })
