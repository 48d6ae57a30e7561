import { Redis } from 'ioredis'
import { freePort } from '../../scripts/ports.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { waitFor } from './wait-for.ts'

const SLOTS = 16_384

/** Masters that share all slots, each with a replica where they are wanted. */
export type RedisCluster = {
  nodes: RedisServer[]
  /** What an app is told to find it. */
  env: Record<string, string>
  ask: (node: RedisServer, command: string, ...args: (string | number)[]) => Promise<string>
  /** The master that holds a key. */
  holder: (key: string) => Promise<RedisServer>
  close: () => Promise<void>
}

/** Starts three masters, and waits until each knows that the cluster is whole. */
export const startRedisCluster = async ({ replicas = 0 } = {}): Promise<RedisCluster> => {
  const buses = new Map<RedisServer, number>()
  try {
    return await join(buses, replicas)
  } catch (error) {
    await closeAll(buses.keys())
    throw error
  }
}

const closeAll = async (nodes: Iterable<RedisServer>) => {
  await Promise.all([...nodes].map((node) => node.close()))
}

const join = async (buses: Map<RedisServer, number>, replicas: number): Promise<RedisCluster> => {
  const start = async (): Promise<RedisServer> => {
    const bus = await freePort()
    const node = await startRedisServer((port) => [
      ...['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`, '--cluster-port', `${bus}`],
      ...['--cluster-node-timeout', '1000', '--repl-diskless-sync-delay', '0'],
    ])
    buses.set(node, bus)
    return node
  }
  const masters = [await start(), await start(), await start()]
  const followers: RedisServer[] = []
  while (followers.length < replicas) followers.push(await start())
  const nodes = [...masters, ...followers]
  const ask: RedisCluster['ask'] = async (node, command, ...args) => {
    const admin = new Redis(node.url)
    admin.on('error', () => {})
    try {
      return `${await admin.call(command, ...args)}`
    } finally {
      admin.disconnect()
    }
  }
  const [first] = masters as [RedisServer, ...RedisServer[]]
  const bounds = masters.map((_, index) => Math.floor((index * SLOTS) / masters.length))
  for (const [index, node] of masters.entries()) {
    await ask(node, 'CLUSTER', 'ADDSLOTSRANGE', bounds[index] ?? 0, (bounds[index + 1] ?? SLOTS) - 1)
    await ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }
  for (const node of nodes.slice(1)) await ask(first, 'CLUSTER', 'MEET', '127.0.0.1', node.port, buses.get(node) ?? 0)
  const isWhole = async (node: RedisServer) => {
    const info = await ask(node, 'CLUSTER', 'INFO')
    return /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${nodes.length}`)
  }
  const all = (look: (node: RedisServer) => Promise<boolean>) => async () =>
    (await Promise.all(nodes.map(look))).every(Boolean)
  await waitFor('the cluster is whole', all(isWhole))
  for (const [index, node] of followers.entries()) {
    const master = masters[index % masters.length] as RedisServer
    const id = await ask(master, 'CLUSTER', 'MYID')
    await ask(node, 'CLUSTER', 'REPLICATE', id)
  }
  await waitFor('every replica follows', async () =>
    (await Promise.all(followers.map((node) => ask(node, 'INFO', 'replication')))).every((info) =>
      /^master_link_status:up/m.test(info),
    ),
  )
  const holder = async (key: string) => {
    const slot = Number(await ask(first, 'CLUSTER', 'KEYSLOT', key))
    return masters[bounds.findLastIndex((bound) => bound <= slot)] as RedisServer
  }
  return {
    nodes,
    ask,
    holder,
    env: {
      REDIS_CLUSTER_NODES: nodes
        .slice(0, 2)
        .map(({ port }) => `127.0.0.1:${port}`)
        .join(','),
    },
    close: () => closeAll(nodes),
  }
}
