import { DANGER_MS, deadlineOf } from '@stems/domain/file-deadline'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { repeat } from '@stems/telemetry/repeat'
import { Gauge, type Registry } from 'prom-client'

const DAY_MS = 24 * 3600_000

export type DangerOptions = {
  store: Pick<StemStore, 'listOpen' | 'find'>
  registry: Registry
  log: Pick<Log, 'warn'>
  now?: () => number
}

/**
 * Looks for stems that are not home although the provider will soon delete them. Somebody has two days then to see why.
 */
export const createDanger = ({ store, registry, log, now = Date.now }: DangerOptions) => {
  const gauge = new Gauge({
    name: 'stemkeeper_stems_in_danger',
    help: 'Stems that are not saved and that the provider deletes in less than two days; every worker of a store shows all of them',
    registers: [registry],
  })
  let home = new Set<string>() // so that each file is read once, not at every look
  let warnedAt = new Map<string, number>()

  const isHome = async (taskId: string, stem: string): Promise<boolean> =>
    home.has(`${taskId}/${stem}`) || (await store.find(taskId, stem)) !== undefined

  return {
    /** Counts them, and warns of each once a day. */
    look: async (): Promise<void> => {
      const at = now()
      const saved = new Set<string>()
      const warned = new Map<string, number>()
      for (const { taskId, receivedAt, stems } of await store.listOpen(0)) {
        const deadlineMs = deadlineOf(receivedAt)
        if (deadlineMs - at >= DANGER_MS) continue
        for (const { name } of stems.filter(({ url }) => url !== null)) {
          const key = `${taskId}/${name}`
          if (await isHome(taskId, name)) {
            saved.add(key)
            continue
          }
          const lastAt = warnedAt.get(key)
          const isDue = lastAt === undefined || at - lastAt >= DAY_MS
          warned.set(key, isDue ? at : lastAt)
          const deadline = new Date(deadlineMs).toISOString()
          if (isDue) log.warn({ taskId, stem: name, deadline }, 'stem.in_danger: the provider deletes it then')
        }
      }
      home = saved
      warnedAt = warned
      gauge.set(warned.size)
    },
  }
}

/** Looks now and then, the first time at once. */
export const startDanger = ({ everyMs, ...options }: DangerOptions & { everyMs: number }) =>
  repeat(everyMs, createDanger(options).look, () => {}) // a store that cannot be read is reported by readiness
