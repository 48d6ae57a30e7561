import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis } from 'ioredis'
import { clusterReadiness, unwatchCluster, watchCluster } from './cluster-watch.ts'

/** What this room works with: one server, the master that sentinels name, or a cluster. */
export type RedisConnection = Redis | Cluster

/** Where a Redis is. */
export type RedisTarget = {
  /** `redis:` or `rediss:`, user, password and database inside. With sentinels or a cluster its host counts for nothing. */
  url: string
  tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } | undefined
  sentinel?: { nodes: HostAndPort[]; master: string; password?: string | undefined } | undefined
  /** `key`: any key of ours; all lie in one slot. */
  cluster?: { nodes: HostAndPort[]; key: string } | undefined
  /** How many replicas must have a callback before it counts as kept. */
  minReplicas?: number | undefined
}

type HostAndPort = { host: string; port: number }

/** What this room asks of a logger. */
export type Log = {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

// After a failover the old master answers READONLY on connections that are still open: the name leads elsewhere by now.
const reconnectOnError = (error: Error): boolean => error.message.startsWith('READONLY')

const retryStrategy = (times: number): number => Math.min(times * 100, 1000)

/**
 * A connection for those who must answer somebody: a command fails within a second instead of waiting for Redis.
 * It never gives up reconnecting. A command that timed out may have been carried out all the same.
 *
 * @param target which Redis
 */
export const connectImpatiently = (target: RedisTarget, log: Log): RedisConnection =>
  connect(target, log, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 1000,
    commandTimeout: 1000,
    socketTimeout: 2000,
  })

/**
 * A connection for workers: commands wait for Redis to come back, for as long as it takes. It has no idle timer: one that
 * cut BullMQ's blocking wait short left the worker half alive. A connection that has gone silent is the watchdog's matter.
 *
 * @param target which Redis
 */
export const connectPatiently = (target: RedisTarget, log: Log): RedisConnection =>
  connect(target, log, { maxRetriesPerRequest: null, connectTimeout: 2000 })

type Patience = Partial<
  Record<'connectTimeout' | 'commandTimeout' | 'socketTimeout', number> &
    Record<'enableOfflineQueue' | 'autoResendUnfulfilledCommands', boolean> & { maxRetriesPerRequest: number | null }
>

const replicasWanted = new WeakMap<RedisConnection, number>()

/** How many replicas must have what is written through a connection before it counts as kept. */
export const minReplicasOf = (redis: RedisConnection): number => replicasWanted.get(redis) ?? 0

const connect = (target: RedisTarget, log: Log, options: Patience): RedisConnection => {
  const redis = target.cluster ? connectCluster(target, options, log) : connectServer(target, options, log)
  replicasWanted.set(redis, target.minReplicas ?? 0)
  return redis
}

const connectServer = ({ url, tls, sentinel }: RedisTarget, options: Patience, log: Log): Redis =>
  reportOutages(
    new Redis(url, {
      ...options,
      ...(tls ? { tls: given(tls) } : {}),
      ...(sentinel
        ? {
            sentinels: sentinel.nodes,
            name: sentinel.master,
            ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
            ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: given(tls) } : {}),
            sentinelCommandTimeout: 1000, // one that hangs must not keep the others from being asked
            failoverDetector: true, // a master whose machine has gone closes no connection
          }
        : {}),
      retryStrategy,
      reconnectOnError,
    }),
    log,
  )

// A slot may be moved, or have no master for a while: who is patient asks again without end, who is not says so at once.
const PATIENTLY = { maxRedirections: Number.MAX_SAFE_INTEGER, retryDelayOnFailover: 200, retryDelayOnClusterDown: 200 }
const IMPATIENTLY = { maxRedirections: 4, retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 }

const connectCluster = ({ url, tls, cluster }: RedisTarget, options: Patience, log: Log): Cluster => {
  const { username, password } = new URL(url)
  const { enableOfflineQueue = true, ...nodeOptions } = options
  const redis = new Cluster(cluster?.nodes ?? [], {
    ...(enableOfflineQueue ? PATIENTLY : IMPATIENTLY),
    enableOfflineQueue,
    retryDelayOnMoved: 50, // while a failover goes on, two nodes may each name the other
    slotsRefreshInterval: 5000, // a master whose machine has gone closes no connection: it leaves with the map of slots
    clusterRetryStrategy: retryStrategy,
    // A certificate is made out to a name.
    ...(tls ? { dnsLookup: (host: string, found: (error: null, address: string) => void) => found(null, host) } : {}),
    redisOptions: {
      ...nodeOptions,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
      ...(tls ? { tls: given(tls) } : {}),
    },
  })
  watchCluster(redis, cluster?.key ?? '', log)
  return redis
}

const given = (tls: NonNullable<RedisTarget['tls']>): ConnectionOptions =>
  Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined))

/** Is Redis there? With a cluster: the node that holds what is ours. */
export const isReady = (redis: RedisConnection): boolean =>
  redis instanceof Cluster ? clusterReadiness(redis) : redis.status === 'ready'

// One line when Redis goes and one when it is back; the reconnect attempts between them would bury both.
const reportOutages = (redis: Redis, log: Log): Redis => {
  let away = false
  redis.on('error', (error: Error) => {
    log.debug({ error: error.message }, 'redis.error')
    if (away || redis.status === 'ready') return
    away = true
    log.warn({ error: wordsOf(error) }, 'redis.away')
  })
  redis.on('close', () => {
    if (!away) log.warn({}, 'redis.away')
    away = true
  })
  redis.on('ready', () => {
    log.info({}, 'redis.ready')
    away = false
  })
  return redis
}

/**
 * Waits until a connection is there, or until the time is up; then it goes on without.
 *
 * @param withinMs milliseconds
 */
export const awaitReady = async (redis: RedisConnection, withinMs: number): Promise<void> => {
  if (isReady(redis)) return
  const event = redis instanceof Cluster ? 'slot ready' : 'ready'
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, withinMs)
  redis.once(event, resolve)
  await promise // through errors: it is tried again at once
  clearTimeout(timer)
  redis.off(event, resolve)
}

// What Node says of a certificate that nobody here trusts (OpenSSL's X509_V_ERR_…).
const UNTRUSTED = ['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']

const wordsOf = (error: Error & { code?: string }): string => {
  if (UNTRUSTED.includes(error.code ?? '')) return `${error.message}: set REDIS_CA to the authority that signed it`
  return error.message || 'connection refused'
}

/**
 * Closes a connection without waiting for a Redis that may never answer. Safe to call twice.
 */
export const disconnect = (redis: RedisConnection): void => {
  if (redis instanceof Cluster) unwatchCluster(redis)
  else redis.removeAllListeners('close')
  redis.disconnect()
}
