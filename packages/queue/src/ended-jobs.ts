import type { Queue } from 'bullmq'
import type { SeparationResult } from './jobs.ts'
import type { RedisConnection } from './redis.ts'

/** A job that has ended: when, in milliseconds since 1970, and its id. */
export type EndedJob = [endedAt: number, id: string]

/** Looks at the jobs that have ended, in the order of their ends; the queue keeps them in it. */
export const createEndedJobs = (redis: RedisConnection, queue: Pick<Queue, 'toKey'>) => ({
  /**
   * The next ones after `last`, the last one to end first. Each stays in its place as long as nothing happens to it.
   *
   * @param most none is listed that has ended later
   */
  after: async (
    set: 'failed' | 'completed',
    { last, most, length }: { last: EndedJob | undefined; most: number; length: number },
  ): Promise<EndedJob[]> => {
    const max = last?.[0] ?? (most === Number.POSITIVE_INFINITY ? '+inf' : most)
    for (let wanted = length + 1; ; wanted *= 2) {
      const flat = await redis.zrevrangebyscore(queue.toKey(set), max, '-inf', 'WITHSCORES', 'LIMIT', 0, wanted)
      const all = flat.flatMap((id, index): EndedJob[] => (index % 2 === 0 ? [[Number(flat[index + 1]), id]] : []))
      // Those of one millisecond are in the reverse order of their ids' bytes.
      const left = all.filter(([at, id]) => !last || at < last[0] || Buffer.compare(bytes(id), bytes(last[1])) < 0)
      if (left.length >= length || all.length < wanted) return left.slice(0, length)
    }
  },
  /**
   * With which status each has ended.
   *
   * @returns in the order of the jobs
   */
  statusesOf: async (jobs: EndedJob[]): Promise<SeparationResult['status'][]> => {
    const asked = redis.pipeline()
    for (const [, id] of jobs) asked.hget(queue.toKey(id), 'returnvalue')
    return ((await asked.exec()) ?? []).map(([error, result]) => {
      if (error) throw error
      return readEnd(result as string | null)
    })
  },
})

export type EndedJobs = ReturnType<typeof createEndedJobs>

/** With which status a job has ended, by what it returned; what cannot be read has failed. */
const readEnd = (returned: string | null): SeparationResult['status'] => {
  try {
    return endOf(JSON.parse(returned ?? 'null'))
  } catch {
    return 'failed'
  }
}

/** The status in what a job returned; one that nobody knows, of another version, has failed. */
export const endOf = (returned: Partial<SeparationResult> | null | undefined): SeparationResult['status'] =>
  ENDS.find((status) => status === returned?.status) ?? 'failed'

const ENDS = ['complete', 'partial', 'failed'] as const

const bytes = (text: string): Buffer => Buffer.from(text)
