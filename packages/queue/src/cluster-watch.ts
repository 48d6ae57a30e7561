import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from 'ioredis'
import type { Log } from './redis.ts'

const BEAT_MS = 1000

const there = new WeakMap<Cluster, boolean>()
const unwatched = new WeakSet<Cluster>()

/** Did the node that holds what is ours answer, when it was last asked? */
export const clusterReadiness = (cluster: Cluster): boolean => there.get(cluster) ?? false

/** Its going is no news any more. */
export const unwatchCluster = (cluster: Cluster): void => void unwatched.add(cluster)

/**
 * Asks the node that holds a key again and again whether it is there, and reports when it goes and when it is back. A
 * cluster counts as ready as long as any of its nodes is there; for us the one counts that has our slot.
 *
 * @param cluster emits `slot ready` when that node is there (again)
 */
export const watchCluster = (cluster: Cluster, key: string, log: Log): void => {
  let isReported = false
  let why = 'no node of the cluster answers'

  const isAway = (error: string) => {
    there.set(cluster, false)
    if (unwatched.has(cluster)) return
    if (!isReported) log.warn({ error }, 'redis.away')
    isReported = true
  }
  const isThere = () => {
    const isNews = !clusterReadiness(cluster)
    there.set(cluster, true)
    if (!isNews) return
    log.info({}, 'redis.ready')
    isReported = false
    cluster.emit('slot ready')
  }

  const beat = async (): Promise<void> => {
    const late = setTimeout(() => isAway(why), BEAT_MS) // a patient connection waits in silence
    late.unref()
    await cluster.exists(key).then(isThere, (error: Error) => isAway(error.message))
    clearTimeout(late)
  }
  const watch = async (): Promise<void> => {
    while (!unwatched.has(cluster)) {
      if (cluster.status === 'ready') await beat()
      await sleep(clusterReadiness(cluster) ? BEAT_MS : BEAT_MS / 10, undefined, { ref: false })
    }
  }
  void watch()

  cluster.on('node error', (error: Error) => {
    why = error.message
    log.debug({ error: why }, 'redis.error')
  })
  cluster.on('error', (error: Error & { lastNodeError?: Error }) => isAway(error.lastNodeError?.message ?? why))
  cluster.on('close', () => isAway(why))
}
