import { join } from 'node:path'
import { type Finding, inRotation } from '../parts/finding.ts'
import type { Measure } from '../parts/measure.ts'
import { startSlowFarSide } from '../parts/slow-far-side.ts'
import { startSystem } from '../parts/system.ts'

const WORKERS = [1, 2, 4]
const STEMS = 12
const FILE_BYTES = 2_000_000
const FAR_AWAY = { latencyMs: 200, bytesPerSecond: 1_000_000 }

/**
 * How much more several workers bring home than one, where the far side is what they wait for. Each has the same number of whole
 * waves of downloads to do, so that the last of them is as full as the first.
 */
export const p8: Measure = async ({ folder, rounds, scale }) => {
  const each = Math.max(2, Math.round(4 * scale))
  const farSide = await startSlowFarSide(FILE_BYTES, FAR_AWAY)
  const system = await startSystem(join(folder, 'system'), farSide.url)
  let sent = 0
  const bringHome = async (count: number, files: string): Promise<number> => {
    const startedAt = performance.now()
    await system.callbacks(count, `scaling-${sent}`, { files })
    sent += count
    await system.ended(sent)
    return (count * STEMS * 1000) / (performance.now() - startedAt)
  }
  const stemsPerSecond = async (count: number): Promise<number> => {
    const workers = await Promise.all(Array.from({ length: count }, () => system.startWorker()))
    try {
      await bringHome(2 * count, `${farSide.url}/near`) // warms them up
      return await bringHome(each * count, farSide.url)
    } finally {
      await Promise.all(workers.map((worker) => worker.close()))
    }
  }
  try {
    const taken = await inRotation(
      rounds,
      WORKERS.map((count) => () => stemsPerSecond(count)),
    )
    const [one = [], ...more] = taken
    return more.map(
      (ours, index): Finding => ({
        ...{ id: 'P8', what: `stems with ${WORKERS[index + 1]} workers, far side 200 ms away`, unit: 'a second' },
        ...{ rival: `${WORKERS[index + 1]} times one worker`, by: 'ratio', target: { atLeast: 0.95 } },
        ours,
        theirs: one.map((figure) => figure * (WORKERS[index + 1] as number)),
      }),
    )
  } finally {
    await system.close()
    await farSide.close()
  }
}
