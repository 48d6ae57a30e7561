// npm run bench [-- SEPARATIONS]: the real ingress and one real worker, a real Redis that syncs each write, a far side and a store
// on this machine. What it prints is what docs/scaling.md counts with.
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import Table from 'cli-table3'
import { Redis } from 'ioredis'
import { startPrivateRedis } from '../scripts/private-redis.ts'
import { documentedPayload } from '../test/stand-in/payloads.ts'
import { startStandInProvider } from '../test/stand-in/provider.ts'
import { startApp } from './app.ts'
import { memoryOf } from './redis-memory.ts'
import { sendAll } from './send-all.ts'

const TOKEN = 'bench'
const IN_FLIGHT = 32
const KINDS = { 'separate-vocal': 2, 'split-stem': 12 } as const
type Kind = keyof typeof KINDS

const commandsOf = async (redis: Redis): Promise<number> =>
  Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1])

/** Brings so many separations of a kind home, and measures on the way. */
const measure = async (kind: Kind, count: number) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-bench-'))
  const server = await startPrivateRedis(join(folder, 'redis'))
  const redis = new Redis(server.url)
  const provider = await startStandInProvider()
  const shared = { REDIS_URL: server.url, LOG_LEVEL: 'info', STORE_URL: `file:${join(folder, 'stems')}` }
  const ingress = await startApp('ingress', {
    ...shared,
    SPOOL_DIR: join(folder, 'spool'),
    CALLBACK_TOKENS: TOKEN,
  })
  const queues = ['separations', 'stems'].map(
    (name) => new Queue(name, { connection: { url: server.url }, prefix: 'stemkeeper' }),
  )
  const [separations, stems] = queues as [Queue, Queue]
  const perSeparation = async () => Math.round((await memoryOf(redis, 'stemkeeper:*:sep_*')).bytes / count)
  try {
    const bodies = Array.from({ length: count }, (_, index) =>
      documentedPayload(kind, { taskId: `bench-${index}`, files: provider.url }),
    )
    const before = await commandsOf(redis)
    const answers = await sendAll(`${ingress.url}/callbacks/separation/${TOKEN}`, bodies, IN_FLIGHT)
    const ingressCommands = (await commandsOf(redis)) - before
    const waiting = await perSeparation()

    const startedAt = performance.now()
    const commandsBefore = await commandsOf(redis)
    const worker = await startApp('worker', {
      ...shared,
      DOWNLOAD_ALLOW_PRIVATE: 'true',
      DOWNLOAD_ALLOWED_HOSTS: '127.0.0.1',
    })
    let [fds, resident] = [0, 0]
    while ((await separations.getCompletedCount()) < count) {
      fds = Math.max(fds, await worker.metric('process_open_fds'))
      resident = Math.max(resident, await worker.metric('process_resident_memory_bytes'))
      await sleep(200)
    }
    const seconds = (performance.now() - startedAt) / 1000
    const workerCommands = (await commandsOf(redis)) - commandsBefore
    const bytes = await worker.metric('stemkeeper_saved_bytes_total')
    await worker.close()
    const firstDay = await perSeparation()
    for (const end of ['completed', 'failed'] as const) await stems.clean(0, 1_000_000, end)
    return {
      answers,
      waiting,
      firstDay,
      afterwards: await perSeparation(),
      ingressCommands: ingressCommands / count,
      workerCommands: workerCommands / count,
      stemsPerSecond: (count * KINDS[kind]) / seconds,
      megabytesPerSecond: bytes / 1e6 / seconds,
      fds,
      resident,
    }
  } finally {
    await Promise.all(queues.map((queue) => queue.close()))
    await ingress.close()
    await provider.close()
    redis.disconnect()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const count = Number(process.argv[2] ?? 1000)
if (!Number.isInteger(count) || count < 1) throw new Error('usage: npm run bench [-- SEPARATIONS]')
const kinds = Object.keys(KINDS) as Kind[]
const measured: Awaited<ReturnType<typeof measure>>[] = []
for (const kind of kinds) measured.push(await measure(kind, count))

const table = new Table({
  head: [`${count} separations each`, ...kinds.map((kind) => `${kind}, ${KINDS[kind]} stems`)],
})
const row = (name: string, figure: (one: (typeof measured)[number]) => number, digits = 0) =>
  table.push([name, ...measured.map((one) => figure(one).toLocaleString('en', { maximumFractionDigits: digits }))])
row(`ingress: answers a second, ${IN_FLIGHT} at once`, ({ answers }) => answers.perSecond)
row('ingress: median of an answer, ms', ({ answers }) => answers.p50, 1)
row('ingress: 99 of 100 answers within, ms', ({ answers }) => answers.p99, 1)
row('ingress: slowest answer, ms', ({ answers }) => answers.max, 1)
row('ingress: Redis commands per separation', ({ ingressCommands }) => ingressCommands, 1)
row('worker: stems a second', ({ stemsPerSecond }) => stemsPerSecond, 1)
row('worker: MB a second', ({ megabytesPerSecond }) => megabytesPerSecond, 1)
row('worker: Redis commands per separation', ({ workerCommands }) => workerCommands, 1)
row('worker: most open files and sockets', ({ fds }) => fds)
row('worker: most memory, MB', ({ resident }) => resident / 1e6)
row('Redis: bytes per separation that waits', ({ waiting }) => waiting)
row('Redis: bytes per finished one, first day', ({ firstDay }) => firstDay)
row('Redis: bytes per finished one, later', ({ afterwards }) => afterwards)
console.log(`${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}`)
console.log(table.toString())
