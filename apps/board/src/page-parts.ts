/**
 * How much of a page each shard fills: an even part, so that what a page costs does not grow with their number. Tasks are
 * spread evenly over shards, and so are the newest of them.
 */
export const partLength = (pageLength: number, shards: readonly unknown[]): number =>
  Math.ceil(pageLength / shards.length)
