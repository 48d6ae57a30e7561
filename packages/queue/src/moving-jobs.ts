import { taskIdSchema } from '@stems/domain/task-id'
import type { Queue } from 'bullmq'
import { separationJobId } from './jobs.ts'
import type { RedisConnection } from './redis.ts'
import type { AmongKeys } from './walk-cursor.ts'

const KEYS_AT_ONCE = 1000
const MOST_SCANS = 100
const LONGEST_MS = 400
const MOST_BEYOND = 32

export type Moving = { taskIds: string[]; next: AmongKeys | 'end' }

/**
 * Looks for the separations whose jobs move: those that have not ended, or did so lately. They change from one set of the
 * queue to another and back, so no order of sets finds all; SCAN returns every key that was there from its begin to its end
 * (https://redis.io/docs/latest/commands/scan/, «Scan guarantees»).
 */
export const createMovingJobs = (redis: RedisConnection, queue: Pick<Queue, 'toKey'>) => {
  const keyStart = queue.toKey(separationJobId(''))

  const movingAmong = async (keys: string[], endedAfter: number): Promise<string[]> => {
    const rests = new Set(keys.map((key) => key.slice(keyStart.length)))
    const taskIds = [...rests].filter((rest) => taskIdSchema.safeParse(rest).success) // others belong to such a job
    const asked = redis.pipeline()
    for (const taskId of taskIds) asked.hget(keyStart + taskId, 'finishedOn')
    const answers = (await asked.exec()) ?? []
    return taskIds.filter((_, index) => {
      const [error, endedAt] = answers[index] ?? []
      if (error) throw error
      return typeof endedAt !== 'string' || Number(endedAt) > endedAfter
    })
  }

  // What names no key would go to any node of a cluster: a key before it leads it to the one that has ours.
  const beside = async (command: string, ...args: (string | number)[]): Promise<unknown> => {
    const [, [error, answer] = []] =
      (await redis
        .pipeline([
          ['exists', keyStart],
          [command, ...args],
        ])
        .exec()) ?? []
    if (error) throw error
    return answer
  }
  const scanFrom = async (place: string, count: number) =>
    (await beside('scan', place, 'MATCH', `${glob(keyStart)}*`, 'COUNT', count)) as [next: string, keys: string[]]

  // The places of a scan mean something to one server alone, until it is started again.
  const serverId = async (): Promise<string> => /^run_id:(\w+)/m.exec(String(await beside('info', 'server')))?.[1] ?? ''

  return {
    /**
     * The next ones; fewer than are wanted, or none, where much lies between them.
     *
     * @param at where to go on; `undefined` begins
     * @param wanted may be exceeded by a few
     */
    after: async (at: AmongKeys | undefined, endedAfter: number, wanted: number): Promise<Moving> => {
      const server = await serverId()
      const until = performance.now() + LONGEST_MS
      const found: string[] = []
      let place = at?.server === server ? at.scan : '0'
      let count = KEYS_AT_ONCE
      for (let scans = 0; scans < MOST_SCANS && found.length < wanted && performance.now() < until; scans++) {
        const [next, keys] = await scanFrom(place, count)
        const moving = await movingAmong(keys, endedAfter)
        if (found.length + moving.length > wanted + MOST_BEYOND && count > 1) {
          count = Math.max(1, Math.floor(count / 4)) // once more from the same place, in smaller steps
          continue
        }
        found.push(...moving)
        place = next
        if (next === '0') return { taskIds: found, next: 'end' }
      }
      return { taskIds: found, next: { scan: place, server } }
    },
  }
}

export type MovingJobs = ReturnType<typeof createMovingJobs>

const glob = (text: string): string => text.replace(/[*?[\]\\^]/g, '\\$&')
