import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueWatch } from './queues.ts'
import type { PromisedTask } from './sender.ts'

export type SettleOptions = {
  store: string
  spools: string[]
  promised: readonly PromisedTask[]
  queues: QueueWatch
  /** For so long nothing may change before the waiting ends. */
  patienceMs: number
  onProgress: (state: string) => void
  signal: AbortSignal
}

const LOOK_EVERY_MS = 500
const TELL_EVERY_MS = 5000

/**
 * Waits until every promised separation has a manifest, the spools are empty and the queues idle.
 *
 * @returns what is still under way when nothing has changed for too long; `undefined` when all has come to rest
 */
export const untilSettled = async (options: SettleOptions): Promise<string | undefined> => {
  const { queues, patienceMs, onProgress, signal } = options
  let seen = ''
  let changedAt = Date.now()
  let toldAt = Date.now()
  for (;;) {
    const [missing, spooled, underWay] = await Promise.all([
      withoutManifest(options),
      spooledFiles(options),
      queues.underWay(),
    ])
    if (missing.length === 0 && spooled === 0 && underWay && Object.keys(underWay).length === 0) return undefined
    const state = describe(missing, spooled, underWay)
    const change = `${state} ${await queues.ended().catch(() => '')}`
    if (change !== seen) changedAt = Date.now()
    seen = change
    if (Date.now() - changedAt > patienceMs) return state
    if (Date.now() - toldAt > TELL_EVERY_MS) {
      onProgress(state)
      toldAt = Date.now()
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal })
  }
}

const withoutManifest = async ({ store, promised }: SettleOptions): Promise<string[]> => {
  const tasks = promised.filter(({ isStrange }) => !isStrange).map(({ taskId }) => taskId)
  const missing = await Promise.all(
    tasks.map((taskId) =>
      access(join(store, taskId, 'manifest.json')).then(
        () => [],
        () => [taskId],
      ),
    ),
  )
  return missing.flat()
}

const spooledFiles = async ({ spools }: SettleOptions): Promise<number> => {
  const folders = await Promise.all(spools.map((folder) => readdir(folder).catch(() => [])))
  return folders.flat().filter((name) => name.endsWith('.json')).length
}

const describe = (missing: string[], spooled: number, underWay: Record<string, number> | undefined): string => {
  const jobs = Object.entries(underWay ?? { 'Redis is away': 1 }).map(([what, count]) => `${what} ${count}`)
  const some = missing.length > 0 && missing.length <= 5 ? ` (${missing.join(', ')})` : ''
  return `${missing.length} without a manifest${some}, ${spooled} in the spool, jobs: ${jobs.join(', ') || 'none'}`
}
