import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Finding, inRotation } from '../parts/finding.ts'
import type { Measure } from '../parts/measure.ts'
import { type FarSide, startNginx } from '../parts/nginx.ts'
import { type BenchSystem, startSystem } from '../parts/system.ts'

const BACKLOGS = [0, 10_000, 100_000]
const FILE_BYTES = 20_000
const ACKNOWLEDGED_PER_SECOND = 100
const WARM_UP_MS = 8000 // what was compiled a moment ago is still slow
const FEED_MS = 100
const RUNWAY = 100 // separations that are there while the next ones are sent

type Found = { p99: number; stemsPerSecond: number }

/**
 * Whether what waits slows down what is done: the same system with nothing waiting, and with two backlogs, each in a Redis of its
 * own. Ingress is asked at a calm rate while no worker runs; then a worker works for a while, and for each separation that ends
 * another one comes, so that the backlog stays what it is and the worker never runs dry.
 */
export const p10: Measure = async ({ folder, rounds, scale }) => {
  const farSide = await startNginx(join(folder, 'nginx'), FILE_BYTES)
  const backlogs = BACKLOGS.map((count) => Math.round(count * scale))
  const systems = await Promise.all(backlogs.map((count) => startSystem(join(folder, `${count}`), farSide.url)))
  const callbacks = Math.max(300, Math.round(1000 * scale))
  const seconds = Math.max(3, 10 * scale)

  const take = async (system: BenchSystem, backlog: number, round: number): Promise<Found> => {
    const { p99 } = await system.callbacksAtRate(callbacks, `calm-${round}`, ACKNOWLEDGED_PER_SECOND, { stems: 1 })
    const worker = await system.startWorker()
    if (backlog === 0) await system.nothingWaits()
    const fed = feed(system, `fed-${round}`)
    try {
      await sleep(WARM_UP_MS)
      const stemsPerSecond = await countStems(worker, farSide, seconds)
      await fed.close()
      if (backlog === 0) await system.nothingWaits()
      return { p99, stemsPerSecond }
    } finally {
      await fed.close()
      await worker.close()
    }
  }

  try {
    for (const system of systems) await warmUp(system, Math.max(300, Math.round(2000 * scale)))
    for (const [index, system] of systems.entries()) await fill(system, backlogs[index] as number)
    const taken = await inRotation(
      rounds,
      systems.map((system, index) => (round: number) => take(system, backlogs[index] as number, round)),
    )
    const [none = [], ...some] = taken
    return some.flatMap((found, index): Finding[] => {
      const waiting = `with ${backlogs[index + 1]?.toLocaleString('en')} separations waiting`
      const rest = { id: 'P10', rival: 'itself with none', by: 'ratio' } as const
      return [
        {
          ...{ ...rest, what: `99 of 100 answers of ingress ${waiting}`, unit: 'ms', target: { atMost: 1 / 0.9 } },
          ...{ ours: found.map(({ p99 }) => p99), theirs: none.map(({ p99 }) => p99) },
        },
        {
          ...{ ...rest, what: `stems ${waiting}`, unit: 'a second', target: { atLeast: 0.9 } },
          ours: found.map(({ stemsPerSecond }) => stemsPerSecond),
          theirs: none.map(({ stemsPerSecond }) => stemsPerSecond),
        },
      ]
    })
  } finally {
    for (const system of systems) await system.close()
    await farSide.close()
  }
}

/** An ingress that has answered a hundred thousand callbacks is faster than one that has just started, whatever waits. */
const warmUp = async ({ callbacks, startWorker, nothingWaits }: BenchSystem, count: number): Promise<void> => {
  await callbacks(count, 'warm-up', { stems: 1 })
  const worker = await startWorker()
  await nothingWaits()
  await worker.close()
}

/** Leaves so many separations waiting. The disk is waited for less often meanwhile: it is not what is measured here. */
const fill = async ({ redis: { redis }, callbacks }: BenchSystem, count: number): Promise<void> => {
  await redis.config('SET', 'appendfsync', 'everysec')
  await callbacks(count, 'waiting')
  await redis.config('SET', 'appendfsync', 'always')
}

/** Sends a few callbacks, and then another one for each separation that ends. */
const feed = ({ separations, callbacks }: BenchSystem, tag: string) => {
  const end = new AbortController()
  const feeding = (async () => {
    const before = await separations.getCompletedCount()
    for (let sent = 0; !end.signal.aborted; await sleep(FEED_MS)) {
      const due = RUNWAY + (await separations.getCompletedCount()) - before - sent
      if (due > 0) await callbacks(due, `${tag}-${sent}`)
      sent += due
    }
  })()
  return {
    close: async (): Promise<void> => {
      end.abort()
      await feeding
    },
  }
}

const countStems = async (
  worker: { metric: (name: string) => Promise<number> },
  { bytes }: FarSide,
  seconds: number,
): Promise<number> => {
  const startedAt = performance.now()
  const before = await worker.metric('stemkeeper_saved_bytes_total')
  await sleep(seconds * 1000)
  const saved = (await worker.metric('stemkeeper_saved_bytes_total')) - before
  return (saved / bytes / (performance.now() - startedAt)) * 1000
}
