import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { createLibraryIndex, libraryKeys } from '@stems/queue/library-index'
import { createListing } from '@stems/queue/listing'
import { createNotifications } from '@stems/queue/notifications'
import { openQueues } from '@stems/queue/open-queue'
import { createProgressReader } from '@stems/queue/progress'
import { createQuarantine } from '@stems/queue/quarantine'
import { awaitReady, connectImpatiently, disconnect, isReady } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { createFileStore } from '@stems/store/file-store'
import { createLog } from '@stems/telemetry/log'
import type { FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import { createLibrary } from '../src/library.ts'
import type { Login } from '../src/login.ts'
import { createOverview } from '../src/overview.ts'
import type { Purchase } from '../src/register-route.ts'
import { createServer } from '../src/server.ts'

export const LOGIN: Login = { user: 'admin', password: 'pässword: with colons', role: 'admin' }
export const VIEWER: Login = { user: 'viewer', password: 'only for looking', role: 'viewer' }

export const API_KEY = 'a-key-for-programs-0123456789'

export const authorizationOf = ({ user, password }: Omit<Login, 'role'>): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/**
 * A board that listens, over a store and a queue prefix of its own.
 *
 * @param redisIsAway does not wait until the board has reached Redis
 * @param isComplete a worker has completed the index from the store
 */
export const startBoard = async (
  redisUrl: string,
  {
    redisIsAway = false,
    isComplete = true,
    logins = [LOGIN, VIEWER],
    apiKeys = [API_KEY],
    trustedProxies = [] as string[],
    purchase = undefined as Purchase | undefined,
    eventLimits = { streams: 100, everyMs: 20, heartbeatMs: 20 },
  } = {},
) => {
  const root = await mkdtemp(join(tmpdir(), 'board-store-'))
  const prefix = `test-${randomUUID()}`
  const lines: string[] = []
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const log = createLog('board', 'debug', destination)
  const store = createFileStore(root)
  const redis = connectImpatiently({ url: redisUrl }, log)
  const queue = { redis, prefix, deadlineMs: 1500 }
  const [listing, progress] = [createListing(queue), createProgressReader(redis, prefix)]
  const [queues, submitter] = [openQueues(queue), createSubmitter(queue)]
  const [quarantine, notifications] = [createQuarantine(queue), createNotifications(queue)]
  const library = createLibrary({ listing, progress, store, log })
  const { watch, routes } = watchRoutes()
  subscribe('fastify.initialization', watch)
  const server = await createServer({
    logins,
    apiKeys,
    trustedProxies,
    library,
    quarantine,
    notifications,
    overview: createOverview(queue),
    submitter,
    purchase,
    eventLimits,
    store,
    queues,
    isReady: () => isReady(redis),
    log,
  }).finally(() => unsubscribe('fastify.initialization', watch))
  const origin = await server.listen({ host: '127.0.0.1', port: 0 })
  if (!redisIsAway) await awaitReady(redis, 20_000)
  const index = createLibraryIndex(redis, prefix)
  if (!redisIsAway && isComplete) await index.markComplete(new Date().toISOString())
  onTestFinished(async () => {
    await server.close()
    disconnect(redis)
    await rm(root, { recursive: true, force: true })
  })
  return {
    origin,
    server,
    prefix,
    redis,
    root,
    store,
    queues,
    quarantine,
    index: {
      ...index,
      has: async (taskId: string) => (await redis.zscore(libraryKeys(prefix).tasks, taskId)) !== null,
    },
    /** All routes that the server has, Bull Board's too. */
    routes,
    /** How many jobs were read until now, by anybody on this Redis. */
    countReads: async () => Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0),
    /** All that was logged. */
    logged: () => lines.join(''),
    /** Asks as somebody who is logged in. */
    get: (path: string, init: RequestInit = {}) =>
      fetch(`${origin}${path}`, { ...init, headers: { authorization: authorizationOf(LOGIN) } }),
  }
}

export type Route = { method: string; url: string; open: boolean }

// Fastify tells of each server that is made before anything is added to it.
const watchRoutes = () => {
  const routes: Route[] = []
  const watch = (message: unknown): void => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }) => {
      for (const each of [method].flat()) routes.push({ method: each, url, open: config?.open ?? false })
    })
  }
  return { watch, routes }
}

export type TestBoard = Awaited<ReturnType<typeof startBoard>>
