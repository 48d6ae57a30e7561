import { join } from 'node:path'
import { inTurns, median } from '../parts/finding.ts'
import { demand } from '../parts/machine.ts'
import type { Bench, Measure } from '../parts/measure.ts'
import { startNginx } from '../parts/nginx.ts'
import { startSystem } from '../parts/system.ts'

const MB = 1e6
const LOOK_MS = 10

/** What a worker has in memory: for a large file and a small one, and for many at once and a few. */
export const p7: Measure = async (bench) => {
  demand('nginx')
  const { scale, rounds } = bench
  const gigabyte = Math.round(1000 * MB * scale)
  const size = await inTurns(
    rounds,
    (round) => resident(bench, { tag: `large-${round}`, bytes: gigabyte, separations: 1, stems: 1, atOnce: 8 }),
    (round) => resident(bench, { tag: `small-${round}`, bytes: MB, separations: 1, stems: 1, atOnce: 8 }),
  )
  const many = { bytes: 8 * MB, separations: Math.round(32 * scale), stems: 8 }
  const count = await inTurns(
    rounds,
    (round) => resident(bench, { tag: `64-${round}`, ...many, atOnce: 64 }),
    (round) => resident(bench, { tag: `8-${round}`, ...many, atOnce: 8 }),
  )
  const large = `a worker while one file of ${Math.round(gigabyte / MB)} MB comes`
  const each = (seen: Seen[], figure: (one: Seen) => number): number[] => seen.map(figure)
  const perStem = ({ most }: Seen): number => most / (64 - 8)
  return [
    {
      ...{ id: 'P7', what: large, unit: 'MB', rival: 'itself with one of 1 MB', by: 'difference' },
      ...{ ours: each(size.ours, ({ usual }) => usual), theirs: each(size.theirs, ({ usual }) => usual) },
      target: { atMost: 16 },
    },
    {
      ...{ id: 'P7', what: `${large}, at most`, unit: 'MB', rival: 'itself with one of 1 MB', by: 'difference' },
      ...{ ours: each(size.ours, ({ most }) => most), theirs: each(size.theirs, ({ most }) => most) },
    },
    {
      ...{ id: 'P7', what: 'a worker with 64 downloads at once, at most, by the 56 that are more', unit: 'MB a stem' },
      ...{ rival: 'itself with 8', by: 'difference', target: { atMost: 1 } },
      ...{ ours: each(count.ours, perStem), theirs: each(count.theirs, perStem) },
    },
  ]
}

type Load = { tag: string; bytes: number; separations: number; stems: number; atOnce: number }

/** In MB: the median of all looks, and the most. */
type Seen = { usual: number; most: number }

/** The memory of a new worker while it saves all of it. */
const resident = async ({ folder: all }: Bench, { tag, bytes, separations, stems, atOnce }: Load): Promise<Seen> => {
  const folder = join(all, tag)
  const farSide = await startNginx(join(folder, 'far-side'), bytes)
  const system = await startSystem(folder, farSide.url)
  const worker = await system.startWorker({ DOWNLOAD_CONCURRENCY: `${atOnce}`, DOWNLOAD_MAX_BYTES: `${2 * 2 ** 30}` })
  try {
    const seen: number[] = []
    const look = setInterval(() => seen.push(worker.residentBytes() / MB), LOOK_MS)
    await system.callbacks(separations, tag, { stems })
    await system.ended(separations)
    clearInterval(look)
    return { usual: median(seen), most: Math.max(...seen) }
  } finally {
    await worker.close()
    await system.close()
    await farSide.close()
  }
}
