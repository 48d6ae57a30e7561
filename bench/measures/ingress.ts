import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startApp } from '../parts/app.ts'
import { KEY, signedCallbacks } from '../parts/callbacks.ts'
import { type Finding, inTurns, median } from '../parts/finding.ts'
import { createGun, type Load } from '../parts/load.ts'
import { moveThisTo } from '../parts/machine.ts'
import type { Measure } from '../parts/measure.ts'
import { start } from '../parts/process.ts'
import { type Fsync, startRedis } from '../parts/redis.ts'

const CONNECTIONS = 32
const RIVAL = 'Fastify + queue.add, no checks'

/** How many callbacks ingress acknowledges, beside the least that one could write. Each server has a core for itself. */
const measureIngress =
  (id: string, fsync: Fsync): Measure =>
  async ({ folder, rounds, scale }) => {
    const shots = Math.round(6000 * scale)
    const closing: (() => Promise<void>)[] = []
    const opened = <T extends { close: () => Promise<void> }>(one: T): T => {
      closing.unshift(one.close)
      return one
    }
    const redisIn = async (name: string) => {
      await mkdir(join(folder, name), { recursive: true })
      return opened(await startRedis(join(folder, name), fsync, 'aside'))
    }
    moveThisTo('aside')
    try {
      const [redis, rivalRedis] = [await redisIn('redis'), await redisIn('rival-redis')]
      const ingress = opened(
        await startApp(
          'ingress',
          { REDIS_URL: redis.url, SPOOL_DIR: join(folder, 'spool'), CALLBACK_HMAC_KEYS: KEY },
          'alone',
        ),
      )
      const rival = opened(
        await start(process.execPath, [join(import.meta.dirname, '../rivals/ingress.ts')], {
          place: 'alone',
          env: { REDIS_URL: rivalRedis.url },
          isReady: (line) => line.startsWith('http'),
        }),
      )
      const our = opened(createGun(new URL(`${ingress.url}/callbacks/separation`), CONNECTIONS))
      const their = opened(createGun(new URL(`${rival.line}/callbacks`), CONNECTIONS))

      await our.asFastAsTheyCan(signedCallbacks(2 * shots, 'warm'))
      await their.asFastAsTheyCan(signedCallbacks(2 * shots, 'warm'))
      const full = await inTurns(
        rounds,
        (round) => our.asFastAsTheyCan(signedCallbacks(shots, `full-${round}`)),
        (round) => their.asFastAsTheyCan(signedCallbacks(shots, `full-${round}`)),
      )
      const half = median(full.ours.map(({ perSecond }) => perSecond)) / 2
      const calm = await inTurns(
        rounds,
        (round) => our.atRate(signedCallbacks(shots / 2, `half-${round}`), half),
        (round) => their.atRate(signedCallbacks(shots / 2, `half-${round}`), half),
      )
      const finding = (
        what: string,
        unit: string,
        loads: { ours: Load[]; theirs: Load[] },
        figure: (load: Load) => number,
        target: NonNullable<Finding['target']>,
      ): Finding => ({
        ...{ id, what: `${what}, appendfsync ${fsync}`, unit, rival: RIVAL, by: 'ratio', target },
        ours: loads.ours.map(figure),
        theirs: loads.theirs.map(figure),
      })
      return [
        finding('callbacks acknowledged', 'a second', full, ({ perSecond }) => perSecond, { atLeast: 0.85 }),
        finding('99 of 100 answers at half of that load', 'ms', calm, ({ p99 }) => p99, { atMost: 1.5 }),
      ]
    } finally {
      for (const close of closing) await close()
      moveThisTo('anywhere')
    }
  }

export const p1 = measureIngress('P1', 'everysec')
export const p2 = measureIngress('P2', 'always')
