import { askShards } from './ask-shards.ts'
import type { ListedStatus } from './library-notes.ts'
import type { LibraryItem } from './library-pages.ts'
import type { Listing } from './listing.ts'
import type { Shards } from './shards.ts'
import { CursorError } from './walk-cursor.ts'

type WalkedShard = { name: string; listing: Pick<Listing, 'walk'> }

/** A step through all shards. `away`: those of which nothing is among it. */
export type ShardStep = {
  items: { shard: string; item: LibraryItem }[]
  next: string | null
  away: string[]
}

// The walks that have not come to their ends, each with the cursor of its shard's own; null where it has not begun.
type Part = [name: string, cursor: string | null]

/**
 * Walks through the separations of several shards, of each a part in every step. One that is away is left out, and goes on
 * where it was once it is back; when only such are left the walk ends and names them.
 */
export const createShardWalk = (shards: Shards<WalkedShard>) => {
  const readParts = (text: string): Part[] => {
    try {
      const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
      if (Array.isArray(parts) && parts.length > 0 && parts.every(isPart)) return parts
    } catch {} // whatever it is, it is no cursor of ours
    throw new CursorError()
  }

  const isPart = (part: unknown): part is Part =>
    Array.isArray(part) &&
    part.length === 2 &&
    shards.get(part[0]) !== undefined &&
    (part[1] === null || typeof part[1] === 'string')

  const walkAll = async (
    of: ListedStatus | undefined,
    cursor: string | undefined,
    limit: number,
  ): Promise<ShardStep> => {
    const parts = cursor === undefined ? shards.all.map(({ name }): Part => [name, null]) : readParts(cursor)
    const taken = parts.slice(0, limit).map(([name, at], index, { length }) => ({
      ...(shards.get(name) as WalkedShard),
      at,
      share: Math.floor(limit / length) + (index < limit % length ? 1 : 0),
    }))
    const { answers, away } = await askShards(taken, ({ listing, at, share }) =>
      listing.walk(of, at ?? undefined, share),
    )
    const next = [
      ...parts.slice(limit), // they are the first ones next time
      ...answers.flatMap(({ shard, answer }): Part[] => (answer.next === null ? [] : [[shard.name, answer.next]])),
      ...taken.flatMap(({ name, at }): Part[] => (away.includes(name) ? [[name, at]] : [])),
    ]
    return {
      items: answers.flatMap(({ shard, answer }) => answer.items.map((item) => ({ shard: shard.name, item }))),
      next: next.every(([name]) => away.includes(name)) ? null : writeParts(next),
      away,
    }
  }

  const walkOne = async ({ name, listing }: WalkedShard, ...step: Parameters<Listing['walk']>): Promise<ShardStep> => {
    const { items, next } = await listing.walk(...step)
    return { items: items.map((item) => ({ shard: name, item })), next, away: [] }
  }

  /**
   * One step. Its arguments, and what it promises of each shard, are those of `Listing.walk`.
   *
   * @throws {QueueAwayError} when all that are left are away
   * @throws {CursorError}
   */
  return (of: ListedStatus | undefined, cursor: string | undefined, limit: number): Promise<ShardStep> => {
    const [only, ...others] = shards.all
    return only && others.length === 0 ? walkOne(only, of, cursor, limit) : walkAll(of, cursor, limit)
  }
}

const writeParts = (parts: Part[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')
