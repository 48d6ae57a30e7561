import { createHash } from 'node:crypto'

/** Several Redis that know nothing of each other; each has tasks of its own. */
export type Shards<T> = {
  /** The one to which a task belongs, or anything else that has a name. */
  of: (id: string) => T
  /** The name of that one. */
  nameOf: (id: string) => string
  /** By name; `undefined` where there is none. */
  get: (name: string) => T | undefined
  /** All of them, in the order of their names. */
  all: T[]
}

/**
 * Which of several shards an id belongs to: the one whose name and the id have the highest hash (rendezvous hashing). The
 * order of the names makes no difference, and one more name takes only the ids that become its own.
 *
 * @param names at least one
 */
export const shardOf = (id: string, names: readonly string[]): string => {
  const [first, ...others] = names
  if (first === undefined) throw new Error('there is no shard')
  if (others.length === 0) return first
  let best = { name: first, weight: weightOf(first, id) }
  for (const name of others) {
    const weight = weightOf(name, id)
    const order = Buffer.compare(weight, best.weight)
    if (order > 0 || (order === 0 && name > best.name)) best = { name, weight }
  }
  return best.name
}

// No name holds a line break. Whoever changes this sends every task elsewhere.
const weightOf = (name: string, id: string): Buffer => createHash('sha256').update(`${name}\n${id}`).digest()

/**
 * Makes what there is once per shard.
 *
 * @param targets at least one; their names differ
 */
export const createShards = <Target extends { name: string }, T>(
  targets: readonly Target[],
  make: (target: Target) => T,
): Shards<T> => {
  const names = targets.map(({ name }) => name).toSorted()
  const made = new Map(
    targets.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((target) => [target.name, make(target)]),
  )
  const nameOf = (id: string): string => shardOf(id, names)
  return {
    nameOf,
    of: (id) => made.get(nameOf(id)) as T,
    get: (name) => made.get(name),
    all: [...made.values()],
  }
}

/**
 * A shard's share of a number that is meant for all of them together: an even one, at least 1, whatever the order of the
 * names. What does not divide goes to the first ones by name.
 */
export const shareOf = (total: number, name: string, names: readonly string[]): number => {
  const place = names.toSorted().indexOf(name)
  return Math.max(1, Math.floor(total / names.length) + (place < total % names.length ? 1 : 0))
}
