import type { Separation } from '@stems/domain/separation'
import { QUEUES, type SeparationJob, type SeparationResult, separationJobId } from './jobs.ts'
import { createLibraryIndex } from './library-index.ts'
import { openQueue } from './open-queue.ts'
import type { RedisConnection } from './redis.ts'
import { createResentBox } from './resent.ts'

/**
 * - `held`: nobody drives it until it is forgotten, or the hold is over.
 * - `busy`: somebody drives it, or holds it.
 * - `recent`: it has ended later than that.
 */
export type HoldAnswer = 'held' | 'busy' | 'recent'

/**
 * Takes separations out of the queue that are to be removed from the store. While one is held, its job is in no state: who
 * submits it or drives it again finds that it is there and belongs to nobody, and waits until it is gone.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 * @param holdMs after which a hold is over by itself: whoever held it has died
 */
export const createRetiredJobs = (redis: RedisConnection, prefix: string, holdMs: number) => {
  const separations = openQueue<SeparationJob, SeparationResult>(redis, prefix, QUEUES.separations)
  const resent = createResentBox(redis, prefix)
  const index = createLibraryIndex(redis, prefix)

  const keysOf = (taskId: string): string[] => {
    const key = separations.toKey(separationJobId(taskId))
    const parts = ['dependencies', 'processed', 'failed', 'unsuccessful', 'logs'].map((part) => `${key}:${part}`)
    return [separations.toKey('completed'), separations.toKey('failed'), key, ...parts]
  }

  return {
    /**
     * Holds a separation, if it ended before, or the queue knows nothing of it.
     *
     * @param endedBefore milliseconds since 1970
     * @throws when Redis is away
     */
    hold: async (taskId: string, endedBefore: number): Promise<HoldAnswer> => {
      const keys = keysOf(taskId)
      const given = [separationJobId(taskId), endedBefore, holdMs, placeholder(taskId)]
      return (await redis.eval(HOLD, keys.length, ...keys, ...given)) as HoldAnswer
    },
    /**
     * Gives a separation that is held back to where it was.
     *
     * @throws when Redis is away; then it is forgotten when the hold is over
     */
    release: async (taskId: string): Promise<void> => {
      const keys = keysOf(taskId)
      await redis.eval(RELEASE, keys.length, ...keys, separationJobId(taskId))
    },
    /**
     * Forgets a separation that is held, and the jobs of its stems: the queue has never heard of it.
     *
     * @throws when Redis is away; then it is forgotten when the hold is over
     */
    forget: async (taskId: string): Promise<void> => {
      await redis.del(resent.key(taskId))
      await index.remove(taskId)
      await separations.remove(separationJobId(taskId), { removeChildren: true })
    },
  }
}

export type RetiredJobs = ReturnType<typeof createRetiredJobs>

// A job that was forgotten is made anew for as long as it is held, so that there is something that can be found.
const placeholder = (taskId: string): string => {
  const receivedAt = new Date(0).toISOString()
  const separation: Separation = { taskId, type: 'unknown', code: 200, msg: '', receivedAt, stems: [] }
  return JSON.stringify({ separation, run: 0 } satisfies SeparationJob)
}

const HOLD = `
local completed, failed, key = KEYS[1], KEYS[2], KEYS[3]
local id, endedBefore, holdMs = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if redis.call('EXISTS', key) == 1 then
  local endedAt = redis.call('ZSCORE', completed, id) or redis.call('ZSCORE', failed, id)
  if not endedAt then return 'busy' end
  if tonumber(endedAt) >= endedBefore then return 'recent' end
  local isCompleted = redis.call('ZREM', completed, id) == 1
  redis.call('ZREM', failed, id)
  redis.call('HSET', key, 'heldFrom', isCompleted and 'completed' or 'failed', 'heldScore', endedAt)
else
  redis.call('HSET', key, 'name', 'separation', 'data', ARGV[4], 'opts', '{}', 'timestamp', 0, 'delay', 0, 'priority', 0)
end
for index = 3, #KEYS do redis.call('PEXPIRE', KEYS[index], holdMs) end
return 'held'
`

const RELEASE = `
local completed, failed, key, id = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local from, score = unpack(redis.call('HMGET', key, 'heldFrom', 'heldScore'))
if not from then return redis.call('DEL', key) end
for index = 3, #KEYS do redis.call('PERSIST', KEYS[index]) end
redis.call('HDEL', key, 'heldFrom', 'heldScore')
return redis.call('ZADD', from == 'completed' and completed or failed, score, id)
`
