import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, settleDisk, type Taken } from '../parts/children.ts'
import { type Finding, inTurns } from '../parts/finding.ts'
import { demand } from '../parts/machine.ts'
import type { Measure } from '../parts/measure.ts'
import { type FarSide, startNginx } from '../parts/nginx.ts'
import { type BenchSystem, startSystem } from '../parts/system.ts'

const FILE_BYTES = 8_000_000
const STEMS = 10
const AT_ONCE = 8

/** Downloads of large files: how fast, and what a gigabyte takes of the processor. */
export const p3: Measure = async ({ folder, rounds, scale }) => {
  demand('nginx', 'aria2c', 'curl', 'sha256sum')
  const files = STEMS * Math.max(1, Math.round(20 * scale))
  const farSide = await startNginx(join(folder, 'far-side'), FILE_BYTES)
  const system = await startSystem(folder, farSide.url)
  try {
    const ours = await startOurs(system, folder, files)
    const curl = await inTurns(rounds, ours.download, () => byCurl(farSide, join(folder, 'curl'), files))
    const aria2 = await inTurns(rounds, ours.download, () => byAria2(farSide, join(folder, 'aria2'), files))
    await ours.close()

    const megabytes = (files * farSide.bytes) / 1e6
    const speed = ({ seconds }: Taken) => megabytes / seconds
    const cost = ({ cpuSeconds }: Taken) => cpuSeconds / (megabytes / 1000)
    const of = (id: string, rival: string, taken: typeof curl, figure: (one: Taken) => number) => ({
      ...{ id, rival, by: 'ratio' as const, ours: taken.ours.map(figure), theirs: taken.theirs.map(figure) },
    })
    const fast = [
      { ...of('P3', CURL, curl, speed), what: `${files} files of 8 MB, 8 at once`, unit: 'MB/s' },
      { ...of('P3', ARIA2, aria2, speed), what: `${files} files of 8 MB, 8 at once`, unit: 'MB/s' },
    ].sort((a, b) => meanOf(a.theirs) - meanOf(b.theirs))
    const targets = [{ atLeast: 1 }, { atLeast: 0.85 }]
    return [
      ...fast.map((finding, place): Finding => ({ ...finding, target: targets[place] as { atLeast: number } })),
      { ...of('P4', CURL, curl, cost), what: 'processor time in P3', unit: 's per GB', target: { atMost: 1.5 } },
    ]
  } finally {
    await system.close()
    await farSide.close()
  }
}

const CURL = 'curl --parallel, then sha256sum'
const ARIA2 = 'aria2c -j8 with its checksums'

const meanOf = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** All that we do for a callback counts, the processes of ingress and Redis included. */
const startOurs = async (system: BenchSystem, folder: string, files: number) => {
  const worker = await system.startWorker({ DOWNLOAD_CONCURRENCY: `${AT_ONCE}` })
  const cpu = () => [worker, system.ingress, system.redis].reduce((sum, { cpuSeconds }) => sum + cpuSeconds(), 0)
  let ended = 0
  const download = async (round: number | string): Promise<Taken> => {
    settleDisk()
    const [startedAt, cpuBefore] = [performance.now(), cpu()]
    await system.callbacks(files / STEMS, `${ended}-${round}`, { stems: STEMS })
    ended += files / STEMS
    await system.ended(ended)
    const taken = { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: cpu() - cpuBefore }
    await rm(join(folder, 'stems'), { recursive: true, force: true })
    return taken
  }
  await download('warm')
  return { download, close: worker.close }
}

const inFresh = async (folder: string, work: () => Promise<Taken>): Promise<Taken> => {
  await mkdir(folder, { recursive: true })
  settleDisk()
  const taken = await work()
  await rm(folder, { recursive: true })
  return taken
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

const byCurl = ({ url, sha256 }: FarSide, folder: string, files: number): Promise<Taken> =>
  inFresh(folder, async () => {
    const config = numbers(files).map((index) => `url="${url}/${index}.mp3"\noutput="${index}.mp3"\n`)
    await writeFile(join(folder, 'urls'), config.join(''))
    await writeFile(
      join(folder, 'sums'),
      numbers(files)
        .map((index) => `${sha256}  ${index}.mp3\n`)
        .join(''),
    )
    return run(
      `curl --silent --fail --parallel --parallel-max ${AT_ONCE} --config urls && sha256sum --check sums`,
      folder,
    )
  })

const byAria2 = ({ url, sha256 }: FarSide, folder: string, files: number): Promise<Taken> =>
  inFresh(folder, async () => {
    const list = numbers(files).map((index) => `${url}/${index}.mp3\n out=${index}.mp3\n checksum=sha-256=${sha256}\n`)
    await writeFile(join(folder, 'urls'), list.join(''))
    return run(`aria2c --quiet --input-file=urls -j${AT_ONCE} -x1 -s1 --file-allocation=none --no-conf`, folder)
  })
