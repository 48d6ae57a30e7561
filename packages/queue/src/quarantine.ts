import { createHash } from 'node:crypto'
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { withDeadline } from './deadline.ts'
import { QUEUES, type QuarantineJob, RETENTION_S } from './jobs.ts'

/** The quarantine holds as much as it may. */
export class QuarantineFullError extends Error {
  constructor(limit: number) {
    super(`the quarantine holds ${limit} payloads, as many as it may; look into them on the board`)
    this.name = 'QuarantineFullError'
  }
}

export type QuarantineOptions = { redis: Redis; prefix: string; limit: number; deadlineMs: number }

/**
 * Keeps verified payloads of a shape that this version does not know, whole, until somebody looks.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 * @param limit how many payloads it may hold
 * @param deadlineMs after which a payload that Redis has not acknowledged is given up
 */
export const createQuarantine = ({ redis, prefix, limit, deadlineMs }: QuarantineOptions) => {
  const queue = new Queue<QuarantineJob>(QUEUES.quarantine, {
    connection: redis,
    prefix,
    skipWaitingForReady: true,
    skipVersionCheck: true,
  })
  queue.on('error', () => {}) // the connection reports its own outages

  const keepNow = async (entry: QuarantineJob): Promise<void> => {
    if ((await queue.getWaitingCount()) >= limit) throw new QuarantineFullError(limit)
    const hash = createHash('sha256').update(JSON.stringify(entry.payload)).digest('hex').slice(0, 16)
    await queue.add('payload', entry, {
      jobId: `quarantine_${entry.taskId}.${hash}`,
      removeOnComplete: { age: RETENTION_S, count: limit },
    })
  }

  return {
    /**
     * Keeps one payload. The same payload for the same task is kept once.
     *
     * @throws {QuarantineFullError} when the limit is reached
     * @throws when Redis did not acknowledge in time
     */
    keep: (entry: QuarantineJob): Promise<void> => withDeadline('Redis', deadlineMs, () => keepNow(entry)),
    close: () => queue.close(),
  }
}

export type Quarantine = ReturnType<typeof createQuarantine>
