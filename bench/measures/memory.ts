import { join } from 'node:path'
import { inTurns } from '../parts/finding.ts'
import { demand } from '../parts/machine.ts'
import type { Bench, Measure } from '../parts/measure.ts'
import { startNginx } from '../parts/nginx.ts'
import { startSystem } from '../parts/system.ts'

const MB = 1e6
const LOOK_MS = 10

/** What a worker has in memory at most: for a large file and a small one, and for many at once and a few. */
export const p7: Measure = async (bench) => {
  demand('nginx')
  const { scale, rounds } = bench
  const gigabyte = Math.round(1000 * MB * scale)
  const size = await inTurns(
    rounds,
    (round) => peak(bench, { tag: `large-${round}`, bytes: gigabyte, separations: 1, stems: 1, atOnce: 8 }),
    (round) => peak(bench, { tag: `small-${round}`, bytes: MB, separations: 1, stems: 1, atOnce: 8 }),
  )
  const many = { bytes: 8 * MB, separations: Math.round(32 * scale), stems: 8 }
  const count = await inTurns(
    rounds,
    (round) => peak(bench, { tag: `64-${round}`, ...many, atOnce: 64 }),
    (round) => peak(bench, { tag: `8-${round}`, ...many, atOnce: 8 }),
  )
  const perStem = (peaks: number[]): number[] => peaks.map((figure) => figure / (64 - 8))
  return [
    {
      ...{ id: 'P7', what: `a worker with one file of ${Math.round(gigabyte / MB)} MB`, unit: 'MB' },
      ...{ rival: 'itself with one of 1 MB', by: 'difference', ...size, target: { atMost: 16 } },
    },
    {
      ...{ id: 'P7', what: 'a worker with 64 downloads at once, by the 56 that are more', unit: 'MB a stem' },
      ...{ rival: 'itself with 8', by: 'difference', target: { atMost: 1 } },
      ...{ ours: perStem(count.ours), theirs: perStem(count.theirs) },
    },
  ]
}

type Load = { tag: string; bytes: number; separations: number; stems: number; atOnce: number }

/** The most memory that a new worker had while it saved all of it, in MB. */
const peak = async ({ folder: all }: Bench, { tag, bytes, separations, stems, atOnce }: Load): Promise<number> => {
  const folder = join(all, tag)
  const farSide = await startNginx(join(folder, 'far-side'), bytes)
  const system = await startSystem(folder, farSide.url)
  const worker = await system.startWorker({ DOWNLOAD_CONCURRENCY: `${atOnce}`, DOWNLOAD_MAX_BYTES: `${2 * 2 ** 30}` })
  try {
    let most = 0
    const look = setInterval(() => {
      most = Math.max(most, worker.residentBytes())
    }, LOOK_MS)
    await system.callbacks(separations, tag, { stems })
    await system.ended(separations)
    clearInterval(look)
    return most / MB
  } finally {
    await worker.close()
    await system.close()
    await farSide.close()
  }
}
