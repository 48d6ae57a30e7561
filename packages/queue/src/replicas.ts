import { execAll } from './exec.ts'
import { minReplicasOf, type RedisConnection } from './redis.ts'

/** Too few replicas have what was written: when the master is lost now, it is lost. */
export class NotReplicatedError extends Error {
  constructor(reason: string) {
    super(`Redis has it, and too few of its replicas: ${reason}`)
    this.name = 'NotReplicatedError'
  }
}

const WAIT_MS = 400 // within the time that a submit has

type Look = { acknowledged: number; history: string }

/**
 * Waits for replicas. `min-replicas-to-write` only counts those that were heard of lately; WAIT asks them
 * (https://redis.io/docs/latest/commands/wait/).
 *
 * Two things make it exact. WAIT vouches for what its own connection has written, so each look begins with a write of its
 * own: what others wrote before is then vouched for as well. And a master that was promoted meanwhile vouches for
 * a history in which our write may never have happened: its replication id is another one.
 *
 * @param redis how many replicas are wanted stands in its target; its master is the one that is asked
 */
export const createReplicas = (redis: RedisConnection, prefix: string) => {
  const wanted = minReplicasOf(redis)
  let known: string | undefined
  let running: Promise<unknown> = Promise.resolve()
  let next: Promise<Look> | undefined

  // One pipeline, led to the right node of a cluster by the only key in it.
  const look = async (): Promise<Look> => {
    const [, wait, info] = await execAll(
      redis.pipeline().set(`${prefix}:replicated`, '').wait(wanted, WAIT_MS).info('replication'),
    )
    const history = /^master_replid:(\w+)/m.exec(String(info))?.[1]
    if (history === undefined) throw new Error('Redis does not tell its replication id')
    known = history
    return { acknowledged: Number(wait), history }
  }

  // All who ask while one look is under way share the next: a connection that waits does nothing else.
  const nextLook = (): Promise<Look> => {
    next ??= running.then(() => {
      next = undefined
      const mine = look()
      running = mine.catch(() => {})
      return mine
    })
    return next
  }

  /**
   * Runs `work`, and waits until enough replicas have all that it wrote.
   *
   * @throws {NotReplicatedError} when they do not say so in time; the master may have it nevertheless
   */
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (wanted === 0) return work()
    const before = known ?? (await nextLook()).history
    const result = await work()
    const { acknowledged, history } = await nextLook()
    if (acknowledged < wanted) throw new NotReplicatedError(`${acknowledged} of ${wanted} within ${WAIT_MS} ms`)
    if (history !== before) throw new NotReplicatedError('another master has taken over meanwhile')
    return result
  }
}
