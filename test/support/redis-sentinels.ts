import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../scripts/ports.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { waitFor } from './wait-for.ts'

export const MASTER = 'stems'
const PASSWORD = 'of-the-data-nodes'
const SENTINEL_PASSWORD = 'of-the-sentinels'

/** A master with two replicas, watched by three sentinels; all behind passwords. */
export type Watched = {
  nodes: RedisServer[]
  /** What an app is told to find them. */
  env: Record<string, string>
  /** Asks a node as its operator. */
  ask: (node: RedisServer, command: string, ...args: string[]) => Promise<string>
  /** The node that the sentinels call the master. */
  master: () => Promise<RedisServer>
  close: () => Promise<void>
}

/** Starts them and waits until the replicas follow and each sentinel knows all others. */
export const startWatchedRedis = async (): Promise<Watched> => {
  const secret = ['--requirepass', PASSWORD, '--masterauth', PASSWORD, '--repl-diskless-sync-delay', '0']
  const first = await startRedisServer(() => secret)
  const follow = () => [...secret, '--replicaof', `127.0.0.1 ${first.port}`]
  const nodes = [first, ...(await Promise.all([startRedisServer(follow), startRedisServer(follow)]))]
  const ask: Watched['ask'] = async (node, command, ...args) => {
    const admin = new Redis({ port: node.port, host: '127.0.0.1', password: PASSWORD })
    admin.on('error', () => {})
    try {
      return `${await admin.call(command, ...args)}`
    } finally {
      admin.disconnect()
    }
  }
  await waitFor(
    'both replicas follow',
    async () =>
      /^connected_slaves:2/m.test(await ask(first, 'INFO', 'replication')) &&
      (await Promise.all(nodes.slice(1).map((node) => ask(node, 'INFO', 'replication')))).every((info) =>
        /^master_link_status:up/m.test(info),
      ),
  )
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(first.port)))
  const askSentinel = async (...args: [string, ...string[]]) => {
    for (const { port } of sentinels) {
      const client = new Redis({ port, host: '127.0.0.1', password: SENTINEL_PASSWORD })
      try {
        return await client.call('SENTINEL', ...args)
      } finally {
        client.disconnect()
      }
    }
    return undefined
  }
  await waitFor('the sentinels know each other and the replicas', async () => {
    const told = (await askSentinel('CKQUORUM', MASTER).catch(() => '')) as string
    const replicas = (await askSentinel('REPLICAS', MASTER)) as unknown[]
    return /^OK 3 /.test(told) && replicas.length === 2
  })
  return {
    nodes,
    ask,
    env: {
      REDIS_URL: `redis://:${PASSWORD}@no-host-is-asked-by-this-name`,
      REDIS_SENTINELS: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(','),
      REDIS_SENTINEL_MASTER: MASTER,
      REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
    },
    master: async () => {
      const [, port] = (await askSentinel('GET-MASTER-ADDR-BY-NAME', MASTER)) as [string, string]
      return nodes.find((node) => `${node.port}` === port) as RedisServer
    },
    close: async () => {
      await Promise.all(sentinels.map(({ close }) => close()))
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}

const startSentinel = async (masterPort: number) => {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'stemkeeper-sentinel-'))
  const file = join(directory, 'sentinel.conf')
  await writeFile(
    file,
    [
      ...[`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`, `requirepass ${SENTINEL_PASSWORD}`],
      `sentinel sentinel-pass ${SENTINEL_PASSWORD}`,
      `sentinel monitor ${MASTER} 127.0.0.1 ${masterPort} 2`,
      `sentinel auth-pass ${MASTER} ${PASSWORD}`,
      `sentinel down-after-milliseconds ${MASTER} 1000`,
      `sentinel failover-timeout ${MASTER} 6000`,
    ].join('\n'),
  )
  const child: ChildProcess = spawn('redis-server', [file, '--sentinel'], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout?.on('data', (text) => {
    output += text
  })
  const failed = once(child, 'error').then(([error]) => Promise.reject(error))
  await Promise.race([failed, waitFor('a sentinel watches', () => output.includes('+monitor master'))])
  return {
    port,
    close: async () => {
      const gone = once(child, 'exit')
      if (child.kill('SIGKILL')) await gone
      await rm(directory, { recursive: true, force: true })
    },
  }
}
