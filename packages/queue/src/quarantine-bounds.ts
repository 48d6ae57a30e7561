import type { Queue } from 'bullmq'
import type { RedisConnection } from './redis.ts'

/** The quarantine holds as much as it may. */
export class QuarantineFullError extends Error {
  constructor(held: string) {
    super(`the quarantine holds ${held}, as much as it may; look into it on the board`)
    this.name = 'QuarantineFullError'
  }
}

export type Bounds = {
  /** How many payloads it may hold. */
  limit?: number | undefined
  /** How many bytes they may have together, with all that is kept about them. */
  maxBytes?: number | undefined
}

const MOST_ENTRIES = 1000
const MOST_BYTES = 64 * 1024 * 1024

/**
 * Sees to it that the quarantine stays within its bounds. They are measured anew each time: nothing is counted beside the
 * entries that could come to differ from them.
 */
export const createCapacityCheck = (
  redis: RedisConnection,
  queue: Queue,
  { limit = MOST_ENTRIES, maxBytes = MOST_BYTES }: Bounds,
) => {
  /**
   * Is there something to let in, and room for it?
   *
   * @returns false when it is held already
   * @throws {QuarantineFullError}
   */
  return async (id: string, bytes: number): Promise<boolean> => {
    const held = await redis.eval(MEASURE, 2, queue.toKey(id), queue.toKey('wait'), limit)
    const [isHeld, entries, heldBytes] = held as [number, number, number]
    if (isHeld === 1) return false
    if (entries >= limit) throw new QuarantineFullError(`${entries} payloads`)
    if (heldBytes + bytes > maxBytes) throw new QuarantineFullError(`${heldBytes} bytes of at most ${maxBytes}`)
    return true
  }
}

// One step in Redis: is the entry there, how many are, and how large are they all together? A full one is not measured.
const MEASURE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return {1, 0, 0} end
local entries = redis.call('LLEN', KEYS[2])
if entries >= tonumber(ARGV[1]) then return {0, entries, 0} end
local jobs = string.match(KEYS[2], '^(.*)wait$')
local bytes = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  bytes = bytes + redis.call('HSTRLEN', jobs .. id, 'data')
end
return {0, entries, bytes}
`
