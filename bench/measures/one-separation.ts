import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, settleDisk } from '../parts/children.ts'
import { inTurns } from '../parts/finding.ts'
import { demand } from '../parts/machine.ts'
import type { Measure } from '../parts/measure.ts'
import { startNginx } from '../parts/nginx.ts'
import { startSystem } from '../parts/system.ts'

const FILE_BYTES = 5_000_000
const STEMS = 12

const what = { id: 'P6', what: 'one separation of 12 × 5 MB, from its callback to its manifest', unit: 'ms' }

/** One separation while nothing else goes on: from its callback to its manifest. */
export const p6: Measure = async ({ folder, rounds }) => {
  demand('nginx', 'curl')
  const farSide = await startNginx(join(folder, 'far-side'), FILE_BYTES)
  const system = await startSystem(folder, farSide.url)
  const worker = await system.startWorker({ DOWNLOAD_CONCURRENCY: `${STEMS}` })
  try {
    const ours = async (round: number | string): Promise<number> => {
      const manifest = join(folder, 'stems', `one-${round}-0`, 'manifest.json')
      settleDisk()
      const startedAt = performance.now()
      await system.callbacks(1, `one-${round}`)
      while (!existsSync(manifest)) await sleep(1)
      return performance.now() - startedAt
    }
    const byCurl = async (andThen = ''): Promise<number> => {
      const into = join(folder, 'curl')
      await mkdir(into)
      const urls = Array.from({ length: STEMS }, (_, index) => `-o ${index}.mp3 ${farSide.url}/${index}.mp3`)
      settleDisk()
      const { seconds } = await run(
        `curl --silent --fail --parallel --parallel-max ${STEMS} ${urls.join(' ')}${andThen}`,
        into,
      )
      await rm(into, { recursive: true })
      return seconds * 1000
    }
    for (let warm = 0; warm < 10; warm++) await ours(`warm-${warm}`)
    const promised: number[] = []
    const taken = await inTurns(rounds * 3, ours, async () => {
      promised.push(await byCurl(' && sha256sum *.mp3 && sync *.mp3'))
      return byCurl()
    })
    return [
      { ...what, rival: 'curl --parallel of the 12 files', by: 'ratio', ...taken, target: { atMost: 1.3 } },
      { ...what, rival: 'curl, then sha256sum and sync', by: 'ratio', ours: taken.ours, theirs: promised },
    ]
  } finally {
    await worker.close()
    await system.close()
    await farSide.close()
  }
}
