import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Finding, inTurns } from '../parts/finding.ts'
import { demand } from '../parts/machine.ts'
import type { Measure } from '../parts/measure.ts'
import { type FarSide, startNginx } from '../parts/nginx.ts'
import { type BenchRedis, startRedis } from '../parts/redis.ts'
import { startSystem } from '../parts/system.ts'

const FILE_BYTES = 20_000
const STEMS = 12
const AT_ONCE = 32
const RIVAL = 'BullMQ with empty processors, the same flows'

type Round = { perSecond: number; bytes: number; commands: number }

/** Separations of small stems from end to end, beside flows of BullMQ in which nothing is done: what both take of Redis, too. */
export const p5: Measure = async ({ folder, rounds, scale }) => {
  demand('nginx')
  const separations = Math.round(2000 * scale)
  const farSide = await startNginx(join(folder, 'far-side'), FILE_BYTES)
  const ours = await startOurs(join(folder, 'ours'), farSide)
  const theirs = await startFlows(join(folder, 'theirs'), farSide)
  const savers = await startFlows(join(folder, 'savers'), farSide, { SAVE_TO: join(folder, 'saved') })
  try {
    for (const side of [ours, theirs, savers]) await side.work('warm', Math.ceil(separations / 8))
    const saved: Round[] = []
    const taken = await inTurns(
      Math.min(rounds, 3),
      async (round) => {
        saved.push(await savers.work(`round-${round}`, separations))
        return ours.work(`round-${round}`, separations)
      },
      (round) => theirs.work(`round-${round}`, separations),
    )
    const finding = (id: string, what: string, unit: string, figure: (round: Round) => number): Finding => ({
      ...{ id, what, unit, rival: RIVAL, by: 'ratio' },
      ours: taken.ours.map(figure),
      theirs: taken.theirs.map(figure),
    })
    const fast = finding(
      'P5',
      `${separations} × 12 stems of 20 kB`,
      'stems (jobs) a second',
      ({ perSecond }) => perSecond,
    )
    // What the rival works off are jobs, and each flow has one more than stems.
    const jobs = { ...fast, theirs: fast.theirs.map((stems) => (stems * (STEMS + 1)) / STEMS) }
    return [
      { ...jobs, target: { atLeast: 0.5 } },
      { ...fast, theirs: saved.map(({ perSecond }) => perSecond), rival: 'BullMQ that fetches, hashes and syncs' },
      {
        ...finding('P9', 'Redis memory', 'bytes per separation', ({ bytes }) => bytes),
        target: { atMost: 1.3 },
      },
      {
        ...finding('P9', 'Redis commands, those within scripts too', 'per separation', ({ commands }) => commands),
        target: { atMost: 1.5 },
      },
    ]
  } finally {
    await ours.close()
    await theirs.close()
    await savers.close()
    await farSide.close()
  }
}

/** Measures what is done from begin to end, and what it has left in Redis. */
const measured = async (redis: BenchRedis, separations: number, work: () => Promise<void>): Promise<Round> => {
  const [commands, bytes, startedAt] = [await redis.commands(), await redis.usedBytes(), performance.now()]
  await work()
  const seconds = (performance.now() - startedAt) / 1000
  return {
    perSecond: (separations * STEMS) / seconds,
    bytes: ((await redis.usedBytes()) - bytes) / separations,
    commands: ((await redis.commands()) - commands) / separations,
  }
}

const startOurs = async (folder: string, farSide: FarSide) => {
  const system = await startSystem(folder, farSide.url)
  const worker = await system.startWorker({ DOWNLOAD_CONCURRENCY: `${AT_ONCE}` })
  let ended = 0
  return {
    work: (tag: string, separations: number): Promise<Round> =>
      measured(system.redis, separations, async () => {
        await system.callbacks(separations, tag)
        ended += separations
        await system.ended(ended)
      }),
    close: async () => {
      await worker.close()
      await system.close()
    },
  }
}

const startFlows = async (folder: string, farSide: FarSide, more: Record<string, string> = {}) => {
  await mkdir(folder, { recursive: true })
  const redis = await startRedis(folder, 'always')
  const env = {
    PATH: process.env.PATH ?? '',
    REDIS_URL: redis.url,
    CONCURRENCY: `${AT_ONCE}`,
    FILES: farSide.url,
    ...more,
  }
  const child = spawn(process.execPath, [join(import.meta.dirname, '../rivals/flow.ts')], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next() // it is ready
  return {
    work: (tag: string, separations: number): Promise<Round> =>
      measured(redis, separations, async () => {
        child.stdin.write(`${tag} ${separations}\n`)
        await lines.next() // they are done
      }),
    close: async () => {
      child.stdin.end()
      await redis.close()
    },
  }
}
