import { Redis } from 'ioredis'
import { freePort } from '../../scripts/ports.ts'
import { demand, type Place } from './machine.ts'
import { start } from './process.ts'

/** When Redis makes sure that what it was told is on the disk; `always` is what Stemkeeper ships. */
export type Fsync = 'always' | 'everysec'

/** Starts a Redis with an append-only file in a folder that is there. */
export const startRedis = async (folder: string, fsync: Fsync, place: Place = 'anywhere') => {
  demand('redis-server')
  const port = await freePort()
  const server = await start(
    'redis-server',
    [
      ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', fsync, '--maxmemory-policy', 'noeviction'],
    ],
    { place, isReady: (line) => line.includes('Ready to accept connections') },
  )
  const url = `redis://127.0.0.1:${port}`
  const redis = new Redis(url)
  return {
    ...server,
    url,
    redis,
    /** Commands that it has carried out, those within scripts included. */
    commands: async (): Promise<number> =>
      Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]),
    /** What it has in memory. */
    usedBytes: async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]),
    close: async () => {
      redis.disconnect()
      await server.close()
    },
  }
}

export type BenchRedis = Awaited<ReturnType<typeof startRedis>>
