import { setTimeout as sleep } from 'node:timers/promises'
import type { PlannedCallback, PlannedStem, PlannedTask } from './plan-callbacks.ts'

/** What is promised about one task: its callbacks that were answered 200. */
export type PromisedTask = { taskId: string; isStrange: boolean; callbacks: { stems: PlannedStem[] }[] }

export type SenderOptions = {
  /** The doors that are there, open or not. */
  doors: () => string[]
  pickDoor: (doors: string[]) => string | undefined
  signal: AbortSignal
}

const TIMEOUT_MS = 15_000
const RETRY_AFTER_MS = [3000, 6000, 9000] // three times, as the provider does
const NO_DOOR = 'http://127.0.0.1:9/'

/** Behaves as the provider: waits 15 s for exactly 200, tries three times more, sends some callbacks again. */
export const createSender = ({ doors, pickDoor, signal }: SenderOptions) => {
  const promised = new Map<string, PromisedTask>()
  const answers: Record<string, number> = {}
  const underWay: Promise<unknown>[] = []
  const figures = { sent: 0, accepted: 0, notAccepted: 0, repeats: 0, slowestMs: 0 }

  const post = async (body: string): Promise<boolean> => {
    const startedAt = performance.now()
    try {
      const response = await fetch(pickDoor(doors()) ?? NO_DOOR, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      })
      figures.slowestMs = Math.max(figures.slowestMs, Math.round(performance.now() - startedAt))
      const said = await response.text().catch(() => '') // the status was there: that is all a provider looks at
      count(response.status === 200 ? (/"status":"(\w+)"/.exec(said)?.[1] ?? '200') : `${response.status}`)
      return response.status === 200
    } catch {
      count('no answer')
      return false
    }
  }

  const count = (answer: string): void => {
    answers[answer] = (answers[answer] ?? 0) + 1
  }

  const deliver = async (body: string): Promise<boolean> => {
    for (const retryAfterMs of [...RETRY_AFTER_MS, undefined]) {
      if (await post(body)) return true
      if (retryAfterMs !== undefined) await sleep(retryAfterMs, undefined, { signal })
    }
    return false
  }

  // The repeats go their own way; whoever waits for the callback itself need not wait for them.
  const send = async (task: PlannedTask, { body, stems, repeatsAfterMs }: PlannedCallback): Promise<void> => {
    figures.sent++
    const text = JSON.stringify(body)
    const repeats = repeatsAfterMs.map(async (afterMs) => {
      await sleep(afterMs, undefined, { signal })
      figures.repeats++
      return deliver(text)
    })
    const repeated = Promise.all(repeats).then((outcomes) => outcomes.includes(true))
    repeated.catch(() => {}) // it is looked at later
    underWay.push(repeated)
    const isAccepted = (await deliver(text)) || (await repeated)
    if (isAccepted) {
      figures.accepted++
      promisedTask(task).callbacks.push({ stems })
    } else figures.notAccepted++
  }

  const promisedTask = ({ taskId, isStrange }: PlannedTask): PromisedTask => {
    const task = promised.get(taskId) ?? { taskId, isStrange, callbacks: [] }
    promised.set(taskId, task)
    return task
  }

  const sendTask = async (task: PlannedTask): Promise<void> => {
    await sleep(task.atMs, undefined, { signal })
    await send(task, task.first)
    if (!task.fresh) return
    await sleep(task.fresh.afterMs, undefined, { signal })
    await send(task, task.fresh)
  }

  return {
    /** Sends all, each at its time, and returns when the provider has done what it does. */
    sendAll: async (tasks: PlannedTask[]): Promise<void> => {
      await Promise.all(tasks.map(sendTask))
      await Promise.all(underWay)
    },
    figures,
    /** How often each answer was given. */
    answers,
    promised: (): PromisedTask[] => [...promised.values()],
  }
}

export type Sender = ReturnType<typeof createSender>
