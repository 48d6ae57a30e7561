import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { documentedPayload } from '../../test/stand-in/payloads.ts'
import { startApp } from './app.ts'
import { KEY, signed } from './callbacks.ts'
import { createGun, type Load, type Shot } from './load.ts'
import { type Fsync, startRedis } from './redis.ts'

const LOOK_MS = 50 // each look is two commands of Redis, which P9 counts
const NOT_ENDED = ['waiting', 'prioritized', 'delayed', 'active', 'waiting-children'] as const

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((all, count) => all + count, 0)

/**
 * The real apps with a Redis of their own and a store in a folder; a worker is added when it is wanted.
 *
 * @param folder to be made
 * @param farSide where the files are
 */
export const startSystem = async (folder: string, farSide: string, { fsync = 'always' as Fsync } = {}) => {
  await mkdir(join(folder, 'redis'), { recursive: true })
  const redis = await startRedis(join(folder, 'redis'), fsync)
  const shared = { REDIS_URL: redis.url, STORE_URL: `file:${join(folder, 'stems')}` }
  const ingress = await startApp('ingress', { ...shared, SPOOL_DIR: join(folder, 'spool'), CALLBACK_HMAC_KEYS: KEY })
  const separations = new Queue('separations', { connection: { url: redis.url }, prefix: 'stemkeeper' })
  const usual: Content = { stems: 12, files: farSide }
  const gun = createGun(new URL(`${ingress.url}/callbacks/separation`), 32)

  return {
    redis,
    ingress,
    separations,
    /** Sends callbacks of split songs as fast as they are answered, with so many of their 12 stems. */
    callbacks: (count: number, tag: string, content: Partial<Content> = {}): Promise<Load> =>
      gun.asFastAsTheyCan(callbacks(count, tag, { ...usual, ...content })),
    /** The same, so many a second. */
    callbacksAtRate: (count: number, tag: string, perSecond: number, content: Partial<Content> = {}): Promise<Load> =>
      gun.atRate(callbacks(count, tag, { ...usual, ...content }), perSecond),
    startWorker: (env: Record<string, string> = {}) =>
      startApp('worker', {
        ...shared,
        DOWNLOAD_ALLOW_PRIVATE: 'true',
        DOWNLOAD_ALLOWED_HOSTS: '127.0.0.1',
        ANALYZE_STEMS: 'false',
        ...env,
      }),
    /** Waits until so many separations have come to their end. */
    ended: async (count: number): Promise<void> => {
      while ((await separations.getCompletedCount()) < count) await sleep(LOOK_MS)
    },
    /** Waits until every separation has come to its end. */
    nothingWaits: async (): Promise<void> => {
      while (sum(await separations.getJobCounts(...NOT_ENDED)) > 0) await sleep(LOOK_MS)
    },
    close: async () => {
      await gun.close()
      await separations.close()
      await ingress.close()
      await redis.close()
    },
  }
}

export type BenchSystem = Awaited<ReturnType<typeof startSystem>>

/** How many stems a callback names, and where their files are. */
type Content = { stems: number; files: string }

// Each is made when it is sent: a hundred thousand of them would not fit into memory.
function* callbacks(count: number, tag: string, content: Content): Generator<Shot> {
  for (let index = 0; index < count; index++) yield callback(`${tag}-${index}`, content)
}

const callback = (taskId: string, { files, stems }: Content): Shot => {
  const payload = documentedPayload('split-stem', { taskId, files })
  const info = payload.data.vocal_separation_info as Record<string, unknown>
  const links = Object.keys(info).filter((key) => typeof info[key] === 'string' && key !== 'origin_url')
  for (const key of links.slice(stems)) delete info[key]
  return { body: JSON.stringify(payload), headers: signed(taskId) }
}
