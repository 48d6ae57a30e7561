import { z } from 'zod'
import { integer, list } from './variables.ts'

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)$/i
const SHARD_NAME = /^[A-Za-z0-9_.-]{1,64}$/
const NO_REDIS_URL = 'must be a redis: or rediss: URL'
const DEFAULT_PORT = 6379
const DEFAULT_SENTINEL_PORT = 26_379

/** A server by its address, as the client library takes it. */
export type HostAndPort = { host: string; port: number }

/** Where Redis is: one `redis:` or `rediss:` URL or several, comma-separated; user, password and database inside. */
const urls = () =>
  z
    .string()
    .default(`redis://127.0.0.1:${DEFAULT_PORT}`)
    // A password may hold a comma: only one in front of another URL parts two of them.
    .transform((text) => text.split(/\s*,\s*(?=[a-z][a-z0-9+]*:\/\/)/i).map((url) => url.trim()))
    .superRefine((entries, context) => {
      const add = (message: string) => context.addIssue({ code: 'custom', message })
      const problems = entries.map(problemOfUrl)
      for (const [index, problem] of problems.entries()) {
        if (problem) add(entries.length === 1 ? problem : `entry ${index + 1} ${problem}`)
      }
      if (problems.some((problem) => problem !== undefined)) return
      const names = entries.map(nameOf)
      for (const [index, name] of names.entries()) {
        const first = names.indexOf(name)
        if (first !== index)
          add(`entries ${first + 1} and ${index + 1} have the same name; give each its own by #NAME at its end`)
      }
    })

const problemOfUrl = (text: string): string | undefined => {
  const url = URL.parse(text)
  if (!url || !/^rediss?:$/.test(url.protocol) || !HOST.test(url.hostname)) return NO_REDIS_URL
  if (url.hash.length > 1 && !SHARD_NAME.test(url.hash.slice(1))) {
    return 'has a name after # that is not 1 to 64 characters out of A-Z a-z 0-9 _ . -'
  }
  return undefined
}

// Without user and password: a name is shown to people, and decides with several shards where a task goes.
const nameOf = (text: string): string => {
  const url = new URL(text)
  return url.hash.slice(1) || `${url.hostname}:${url.port || DEFAULT_PORT}/${url.pathname.slice(1) || '0'}`
}

const addresses = (defaultPort: number) =>
  list().transform((entries, context): HostAndPort[] =>
    entries.flatMap((entry, index) => {
      const url = URL.parse(`redis://${entry}`)
      if (url && HOST.test(url.hostname) && url.host.toLowerCase() === entry.toLowerCase() && url.port !== '0') {
        return [{ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || defaultPort) }]
      }
      context.addIssue({ code: 'custom', message: `entry ${index + 1} is not a host:port` })
      return []
    }),
  )

const pem = (what: string) =>
  z
    .string()
    .refine(
      (text) => text.includes('-----BEGIN '),
      `must be ${what} as PEM text (its path goes into the variable with _FILE)`,
    )
    .optional()

/** What everybody reads who opens a connection to Redis; {@link redisTargets} makes use of it. */
export const redisVariables = {
  REDIS_URL: urls(),
  REDIS_CA: pem('certificates'),
  REDIS_CERT: pem('a certificate'),
  REDIS_KEY: pem('a private key'),
  REDIS_SENTINELS: addresses(DEFAULT_SENTINEL_PORT),
  REDIS_SENTINEL_MASTER: z.string().optional(),
  REDIS_SENTINEL_PASSWORD: z.string().optional(),
  REDIS_CLUSTER_NODES: addresses(DEFAULT_PORT),
  REDIS_MIN_REPLICAS: integer({ min: 0, max: 100 }).default(0),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_{}-]{1,64}$/, 'must be 1 to 64 characters out of A-Z a-z 0-9 _ - { }')
    .optional(),
}

type Given = Partial<Record<keyof typeof redisVariables, string | undefined>>

const HASH_TAG = /\{[^}]+\}/

/** What is wrong with variables that are each right by themselves: problems for `readEnvironment`. */
export const redisProblems = (given: Given): string[] => {
  const isCluster = given.REDIS_CLUSTER_NODES !== undefined
  const isSentinel = given.REDIS_SENTINELS !== undefined
  const targets = urls().safeParse(given.REDIS_URL).data ?? []
  const isTls = targets.some((url) => url.startsWith('rediss:'))
  const rules: [boolean, string][] = [
    [isCluster && isSentinel, 'REDIS_CLUSTER_NODES: a cluster has no sentinels; set it or REDIS_SENTINELS'],
    [targets.length > 1 && isSentinel, 'REDIS_URL: with REDIS_SENTINELS there is one URL; theirs are no shards'],
    [targets.length > 1 && isCluster, 'REDIS_URL: with REDIS_CLUSTER_NODES there is one URL; a cluster is no shard'],
    [
      isSentinel && !given.REDIS_SENTINEL_MASTER,
      'REDIS_SENTINEL_MASTER: must name the master that the sentinels watch',
    ],
    [!isSentinel && Boolean(given.REDIS_SENTINEL_MASTER), 'REDIS_SENTINEL_MASTER: needs REDIS_SENTINELS'],
    [!isSentinel && Boolean(given.REDIS_SENTINEL_PASSWORD), 'REDIS_SENTINEL_PASSWORD: needs REDIS_SENTINELS'],
    [
      isCluster && given.QUEUE_PREFIX !== undefined && !HASH_TAG.test(given.QUEUE_PREFIX),
      'QUEUE_PREFIX: a cluster needs a part in braces, such as {stemkeeper}: it keeps all keys on one node',
    ],
    [
      isCluster && targets.some((url) => !/^\/?0?$/.test(new URL(url).pathname)),
      'REDIS_URL: a cluster has database 0 only',
    ],
    [
      !isTls && Boolean(given.REDIS_CA ?? given.REDIS_CERT),
      'REDIS_CA, REDIS_CERT: need a REDIS_URL that begins with rediss:',
    ],
    [Boolean(given.REDIS_CERT) !== Boolean(given.REDIS_KEY), 'REDIS_CERT, REDIS_KEY: a client certificate needs both'],
  ]
  return rules.flatMap(([isBroken, problem]) => (isBroken ? [problem] : []))
}

type RedisConfig = z.output<z.ZodObject<typeof redisVariables>>

/**
 * The key prefix in Redis. In a cluster it holds a hash tag, so that all keys lie in one slot: what belongs together is
 * changed in one step.
 */
export const queuePrefix = ({ QUEUE_PREFIX, REDIS_CLUSTER_NODES }: RedisConfig): string =>
  QUEUE_PREFIX ?? (REDIS_CLUSTER_NODES.length > 0 ? '{stemkeeper}' : 'stemkeeper')

/**
 * Every Redis that there is, one per shard; at least one. `name` is the URL's fragment, else `host:port/database`.
 */
export const redisTargets = (config: RedisConfig) =>
  config.REDIS_URL.map((url) => ({
    name: nameOf(url),
    url: url.replace(/#.*$/, ''),
    tls: url.startsWith('rediss:')
      ? { ca: config.REDIS_CA, cert: config.REDIS_CERT, key: config.REDIS_KEY }
      : undefined,
    sentinel:
      config.REDIS_SENTINEL_MASTER === undefined
        ? undefined
        : {
            nodes: config.REDIS_SENTINELS,
            master: config.REDIS_SENTINEL_MASTER,
            password: config.REDIS_SENTINEL_PASSWORD,
          },
    cluster:
      config.REDIS_CLUSTER_NODES.length > 0
        ? { nodes: config.REDIS_CLUSTER_NODES, key: `${queuePrefix(config)}:there` }
        : undefined,
    minReplicas: config.REDIS_MIN_REPLICAS,
  }))
