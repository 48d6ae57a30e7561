import { z } from 'zod'
import { integer, list } from './variables.ts'

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)$/i
const NO_REDIS_URL = 'must be a redis: or rediss: URL'
const DEFAULT_PORT = 6379
const DEFAULT_SENTINEL_PORT = 26_379

/** A server by its address, as the client library takes it. */
export type HostAndPort = { host: string; port: number }

/** Where Redis is: a `redis:` or `rediss:` URL; user, password and database inside. */
const redisUrl = () => z.string().default(`redis://127.0.0.1:${DEFAULT_PORT}`).refine(isRedisUrl, NO_REDIS_URL)

const isRedisUrl = (text: string): boolean => {
  const url = URL.parse(text)
  return url !== null && /^rediss?:$/.test(url.protocol) && HOST.test(url.hostname) && url.hash === ''
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

/** The variables of every process that opens a connection to Redis; {@link redisTarget} uses them. */
export const redisVariables = {
  REDIS_URL: redisUrl(),
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
  const url = redisUrl().safeParse(given.REDIS_URL).data
  const isTls = url?.startsWith('rediss:') ?? false
  const rules: [boolean, string][] = [
    [isCluster && isSentinel, 'REDIS_CLUSTER_NODES: a cluster has no sentinels; set it or REDIS_SENTINELS'],
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
      isCluster && url !== undefined && !/^\/?0?$/.test(new URL(url).pathname),
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

/** Which Redis to connect to, and how. */
export const redisTarget = (config: RedisConfig) => ({
  url: config.REDIS_URL,
  tls: config.REDIS_URL.startsWith('rediss:')
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
})
