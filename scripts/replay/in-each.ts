/**
 * Does something in each shard, one after the other. One that fails keeps it from being done in none of the others.
 *
 * @throws the first failure, when all had their turn
 */
export const inEach = async <Shard>(shards: Shard[], work: (shard: Shard) => Promise<void>): Promise<void> => {
  const failures: unknown[] = []
  for (const shard of shards) await work(shard).catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}
