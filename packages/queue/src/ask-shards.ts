import { QueueAwayError } from './listing.ts'

/** What those that are there have answered, and the names of those that are away. */
export type ShardAnswers<S, T> = { answers: { shard: S; answer: T }[]; away: string[] }

/**
 * Asks several shards at once. One that is away keeps none of the others' answers back.
 *
 * @param ask throws QueueAwayError when the shard is away
 * @throws {QueueAwayError} when all are
 * @throws what else `ask` throws
 */
export const askShards = async <S extends { name: string }, T>(
  shards: readonly S[],
  ask: (shard: S) => Promise<T>,
): Promise<ShardAnswers<S, T>> => {
  const answers: { shard: S; answer: T }[] = []
  const away: string[] = []
  let error: unknown
  const asked = await Promise.allSettled(shards.map((shard) => ask(shard)))
  for (const [index, result] of asked.entries()) {
    const shard = shards[index] as S
    if (result.status === 'fulfilled') answers.push({ shard, answer: result.value })
    else if (!(result.reason instanceof QueueAwayError)) throw result.reason
    else {
      away.push(shard.name)
      error = result.reason
    }
  }
  if (answers.length === 0 && error) throw error
  return { answers, away }
}
