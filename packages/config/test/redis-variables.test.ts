import { expect, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, readEnvironment } from '../src/environment.ts'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '../src/redis-variables.ts'

const read = (env: Record<string, string>) => readEnvironment(z.object(redisVariables), env, redisProblems)

const targetOf = (env: Record<string, string>) => redisTarget(read(env))

const problemsOf = (env: Record<string, string>): string[] => {
  try {
    read(env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems
  }
}

const CA = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----'

test('without any setting there is one Redis, on this machine', () => {
  const config = read({})
  expect([redisTarget(config), queuePrefix(config)]).toEqual([
    { url: 'redis://127.0.0.1:6379', minReplicas: 0 },
    'stemkeeper',
  ])
})

test.each(['redis://redis', 'rediss://user:pass@redis.example:6380/2', 'redis://[::1]:6379', 'redis://:a,b@redis'])(
  '%s is a Redis',
  (url) => {
    expect(targetOf({ REDIS_URL: url }).url).toBe(url)
  },
)

test.each([
  'http://redis',
  'redis',
  '127.0.0.1:6379',
  'redis+tls://x',
  'redis://',
  'redis://a,b',
  'redis://a,redis://b',
  'redis://a#x,redis://b:6380#y',
  'redis://:hunter2@a b',
])('%s is no Redis, and is not repeated', (url) => {
  expect(problemsOf({ REDIS_URL: url })).toEqual(['REDIS_URL: must be a redis: or rediss: URL'])
})

test('certificates belong to a rediss: URL', () => {
  const target = targetOf({ REDIS_URL: 'rediss://redis', REDIS_CA: CA, REDIS_CERT: CA, REDIS_KEY: CA })
  expect(target.tls).toEqual({ ca: CA, cert: CA, key: CA })
})

test('sentinels are asked for the master; user, password and database are those of the URL', () => {
  const target = targetOf({
    REDIS_URL: 'redis://u:p@ignored/1',
    REDIS_SENTINELS: 's1,s2:26380,[::1]:26381',
    REDIS_SENTINEL_MASTER: 'stems',
    REDIS_SENTINEL_PASSWORD: 'secret',
    REDIS_MIN_REPLICAS: '1',
  })
  const nodes = [
    { host: 's1', port: 26_379 },
    { host: 's2', port: 26_380 },
    { host: '::1', port: 26_381 },
  ]
  expect(target).toMatchObject({
    url: 'redis://u:p@ignored/1',
    sentinel: { nodes, master: 'stems', password: 'secret' },
    minReplicas: 1,
  })
})

test('a cluster keeps all keys in one slot', () => {
  const config = read({ REDIS_CLUSTER_NODES: 'c1:7000,c2' })
  expect(redisTarget(config).cluster).toEqual({
    nodes: [
      { host: 'c1', port: 7000 },
      { host: 'c2', port: 6379 },
    ],
    key: '{stemkeeper}:there',
  })
  expect(queuePrefix(config)).toBe('{stemkeeper}')
  expect(queuePrefix(read({ REDIS_CLUSTER_NODES: 'c1', QUEUE_PREFIX: 'x{y}' }))).toBe('x{y}')
})

test.each<[Record<string, string>, string[]]>([
  [
    { REDIS_CLUSTER_NODES: 'c', QUEUE_PREFIX: 'stems' },
    ['QUEUE_PREFIX: a cluster needs a part in braces, such as {stemkeeper}: it keeps all keys on one node'],
  ],
  [
    { REDIS_CLUSTER_NODES: 'c', QUEUE_PREFIX: '{}stems' },
    ['QUEUE_PREFIX: a cluster needs a part in braces, such as {stemkeeper}: it keeps all keys on one node'],
  ],
  [{ REDIS_CLUSTER_NODES: 'c', REDIS_URL: 'redis://a/1' }, ['REDIS_URL: a cluster has database 0 only']],
  [
    { REDIS_SENTINELS: 's', REDIS_URL: 'redis://a' },
    ['REDIS_SENTINEL_MASTER: must name the master that the sentinels watch'],
  ],
  [
    { REDIS_SENTINELS: 's', REDIS_SENTINEL_MASTER: 'm', REDIS_CLUSTER_NODES: 'c' },
    ['REDIS_CLUSTER_NODES: a cluster has no sentinels; set it or REDIS_SENTINELS'],
  ],
  [
    { REDIS_SENTINEL_MASTER: 'm', REDIS_SENTINEL_PASSWORD: 'hunter2' },
    ['REDIS_SENTINEL_MASTER: needs REDIS_SENTINELS', 'REDIS_SENTINEL_PASSWORD: needs REDIS_SENTINELS'],
  ],
  [
    { REDIS_SENTINELS: 's:99999,h/x,:7', REDIS_SENTINEL_MASTER: 'm' },
    [1, 2, 3].map((entry) => `REDIS_SENTINELS: entry ${entry} is not a host:port`),
  ],
  [{ REDIS_CA: CA }, ['REDIS_CA, REDIS_CERT: need a REDIS_URL that begins with rediss:']],
  [{ REDIS_URL: 'rediss://a', REDIS_CERT: CA }, ['REDIS_CERT, REDIS_KEY: a client certificate needs both']],
  [
    { REDIS_URL: 'rediss://a', REDIS_CA: '/etc/ca.pem' },
    ['REDIS_CA: must be certificates as PEM text (its path goes into the variable with _FILE)'],
  ],
  [{ QUEUE_PREFIX: 'a:b' }, ['QUEUE_PREFIX: must be 1 to 64 characters out of A-Z a-z 0-9 _ - { }']],
])('%j is refused with words', (env, problems) => {
  expect(problemsOf(env)).toEqual(problems)
})
