import type { Job } from 'bullmq'
import type { RedisConnection } from './redis.ts'

/**
 * Changes the data of a job, and takes fields out of a hash, in one step, provided that the job is still ours. BullMQ's own
 * `updateData` does not ask for the lock: a worker that was away for longer than its lock could put old data over newer.
 *
 * @param token of the lock, as the worker was given it
 * @throws when another worker has taken the job over
 */
export const changeOwnJob = async <Data>(
  redis: RedisConnection,
  job: Job<Data>,
  token: string,
  data: Data,
  { hash, fields }: { hash: string; fields: string[] },
): Promise<void> => {
  const changed = await redis.eval(CHANGE, 3, lockKeyOf(job), keyOf(job), hash, token, JSON.stringify(data), ...fields)
  if (changed !== 1) throw new Error(TAKEN_OVER)
  job.data = data
}

/**
 * @param token of the lock, as the worker was given it
 * @throws when another worker has taken the job over
 */
export const confirmOwnJob = async (redis: RedisConnection, job: Job, token: string): Promise<void> => {
  if ((await redis.get(lockKeyOf(job))) !== token) throw new Error(TAKEN_OVER)
}

const TAKEN_OVER = 'another worker has taken this separation over'

const keyOf = ({ queueQualifiedName, id }: Job): string => `${queueQualifiedName}:${id}`
const lockKeyOf = (job: Job): string => `${keyOf(job)}:lock`

const CHANGE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'data', ARGV[2])
for index = 3, #ARGV do redis.call('HDEL', KEYS[3], ARGV[index]) end
return 1
`
