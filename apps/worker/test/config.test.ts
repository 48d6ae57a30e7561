import { ConfigError } from '@stems/config/environment'
import { expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'

const problemsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('the defaults are the documented ones', () => {
  expect(readConfig({})).toMatchObject({
    redis: { url: 'redis://127.0.0.1:6379', minReplicas: 0 },
    queuePrefix: 'stemkeeper',
    logLevel: 'info',
    host: '127.0.0.1',
    healthPort: 3002,
    storeUrl: 'file:./data/stems',
    reserveBytes: undefined,
    stuckMs: 120_000,
    concurrency: 8,
    globalConcurrency: undefined,
    attempts: 10,
    backoffMs: 1000,
    maxBytes: 536_870_912,
    stallMs: 30_000,
    allowedHosts: ['.aiquickdraw.com', 'cdn1.suno.ai'],
    allowedPorts: [443],
    allowPrivate: false,
    readback: 'off',
    readbackPatienceMs: 600_000,
    providerApi: undefined,
    quarantine: { limit: 1000, maxBytes: 67_108_864 },
  })
})

test('every setting arrives where it belongs', () => {
  expect(
    readConfig({
      REDIS_URL: 'rediss://u:p@redis:6380',
      QUEUE_PREFIX: 'prod',
      LOG_LEVEL: 'warn',
      HOST: '0.0.0.0',
      WORKER_HEALTH_PORT: '0',
      STORE_URL: 'file:/srv/stems',
      STORE_RESERVE_BYTES: '0',
      WORKER_STUCK_SECONDS: '7',
      DOWNLOAD_CONCURRENCY: '1',
      DOWNLOAD_GLOBAL_CONCURRENCY: '2',
      DOWNLOAD_ATTEMPTS: '3',
      DOWNLOAD_BACKOFF_MS: '4',
      DOWNLOAD_MAX_BYTES: '5',
      DOWNLOAD_STALL_MS: '6',
      DOWNLOAD_ALLOWED_HOSTS: 'a.example, .b.example,*,[::1],127.0.0.1',
      DOWNLOAD_ALLOWED_PORTS: '443, 8443',
      DOWNLOAD_ALLOW_PRIVATE: 'true',
      CALLBACK_READBACK: 'suspicious',
      READBACK_PATIENCE_SECONDS: '7',
      PROVIDER_API_URL: 'https://api.kie.ai',
      PROVIDER_API_KEY: 'key',
      QUARANTINE_MAX: '8',
      QUARANTINE_MAX_BYTES: '9',
    }),
  ).toMatchObject({
    redis: { url: 'rediss://u:p@redis:6380', tls: {}, minReplicas: 0 },
    queuePrefix: 'prod',
    logLevel: 'warn',
    host: '0.0.0.0',
    healthPort: 0,
    storeUrl: 'file:/srv/stems',
    reserveBytes: 0,
    stuckMs: 7000,
    concurrency: 1,
    globalConcurrency: 2,
    attempts: 3,
    backoffMs: 4,
    maxBytes: 5,
    stallMs: 6,
    allowedHosts: ['a.example', '.b.example', '*', '[::1]', '127.0.0.1'],
    allowedPorts: [443, 8443],
    allowPrivate: true,
    readback: 'suspicious',
    readbackPatienceMs: 7000,
    providerApi: { apiUrl: 'https://api.kie.ai', apiKey: 'key' },
    quarantine: { limit: 8, maxBytes: 9 },
  })
})

test.each([
  ['WORKER_HEALTH_PORT', '65536'],
  ['STORE_URL', '/srv/stems'],
  ['STORE_URL', 'ftp://host/stems'],
  ['STORE_RESERVE_BYTES', '1GB'],
  ['WORKER_STUCK_SECONDS', '0'],
  ['DOWNLOAD_CONCURRENCY', '0'],
  ['DOWNLOAD_GLOBAL_CONCURRENCY', '0'],
  ['DOWNLOAD_ATTEMPTS', 'many'],
  ['DOWNLOAD_BACKOFF_MS', '-1'],
  ['DOWNLOAD_MAX_BYTES', '512MB'],
  ['DOWNLOAD_STALL_MS', '30s'],
  ['DOWNLOAD_ALLOW_PRIVATE', 'yes'],
  ['DOWNLOAD_ALLOWED_HOSTS', 'https://cdn1.suno.ai'],
  ['DOWNLOAD_ALLOWED_HOSTS', 'cdn1.suno.ai/path'],
  ['DOWNLOAD_ALLOWED_HOSTS', 'cdn1.suno.ai:443'],
  ['DOWNLOAD_ALLOWED_HOSTS', '*.aiquickdraw.com'],
  ['DOWNLOAD_ALLOWED_HOSTS', 'cdn1 .suno.ai'],
  ['DOWNLOAD_ALLOWED_HOSTS', 'cdn1..suno.ai'],
  ['DOWNLOAD_ALLOWED_HOSTS', '.'],
  ['DOWNLOAD_ALLOWED_HOSTS', '10.0.0.0/8'],
  ['DOWNLOAD_ALLOWED_PORTS', '0'],
  ['DOWNLOAD_ALLOWED_PORTS', '65536'],
  ['DOWNLOAD_ALLOWED_PORTS', 'https'],
  ['DOWNLOAD_ALLOWED_PORTS', '443,8000-9000'],
  ['CALLBACK_READBACK', 'sometimes'],
  ['CALLBACK_READBACK', 'always'],
  ['READBACK_PATIENCE_SECONDS', '10m'],
  ['PROVIDER_API_URL', 'api.kie.ai'],
  ['PROVIDER_API_URL', 'http://api.kie.ai'],
  ['QUARANTINE_MAX', '0'],
  ['QUARANTINE_MAX_BYTES', '64MB'],
])('%s=%s is a problem that names the variable', (name, value) => {
  expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name}: `))])
})

test('a download that waits for its far side, as long as it may, is not stuck', () => {
  expect(readConfig({ WORKER_STUCK_SECONDS: '1', DOWNLOAD_STALL_MS: '60000' }).stuckMs).toBe(120_000)
})

test('every bad host is reported', () => {
  expect(problemsOf({ DOWNLOAD_ALLOWED_HOSTS: 'http://a,good.example,b:1' })).toHaveLength(2)
})

test('bad hosts are reported together with every other problem', () => {
  const problems = problemsOf({ DOWNLOAD_ALLOWED_HOSTS: 'https://cdn1.suno.ai', DOWNLOAD_ATTEMPTS: 'many' })
  expect(problems.map((problem) => problem.split(':')[0]).sort()).toEqual([
    'DOWNLOAD_ALLOWED_HOSTS',
    'DOWNLOAD_ATTEMPTS',
  ])
})

test.each([
  ['REDIS_URL', 'http://u:hunter2@redis'],
  ['STORE_URL', 's3+https://key:hunter2@host/bucket'],
  ['DOWNLOAD_ALLOWED_HOSTS', 'https://u:hunter2@cdn.example'],
])('a wrong %s is not repeated in its problem', (name, value) => {
  const problems = problemsOf({ [name]: value })
  expect(problems).toHaveLength(1)
  expect(problems[0]).not.toContain('hunter2')
})

test('whose API it is stands in its address, unless it is said', () => {
  const providerAt = (url: string, more = {}) =>
    readConfig({ PROVIDER_API_URL: url, PROVIDER_API_KEY: 'k', ...more }).providerApi?.provider
  expect(providerAt('https://api.kie.ai')).toBe('kie')
  expect(providerAt('https://api.sunoapi.org')).toBe('sunoapi')
  expect(providerAt('https://proxy.example', { PROVIDER: 'sunoapi' })).toBe('sunoapi')
  expect(problemsOf({ PROVIDER: 'suno' })).toEqual([expect.stringMatching(/^PROVIDER: /)])
})

test('stems are kept for ever unless somebody says for how long, and jobs as long as the provider keeps files at least', () => {
  const day = 86_400
  expect(readConfig({})).toMatchObject({ retention: { retainMs: undefined, isDryRun: false }, retainJobsS: 30 * day })
  const given = readConfig({ RETAIN_STEMS_DAYS: '7', RETAIN_JOBS_DAYS: '14', RETAIN_DRY_RUN: 'true' })
  expect(given).toMatchObject({ retention: { retainMs: 7 * day * 1000, isDryRun: true }, retainJobsS: 14 * day })
  expect(problemsOf({ RETAIN_STEMS_DAYS: '0', RETAIN_JOBS_DAYS: '13', RETAIN_DRY_RUN: 'yes' })).toEqual([
    'RETAIN_STEMS_DAYS: must be a whole number from 1 to 36500',
    'RETAIN_JOBS_DAYS: must be a whole number from 14 to 3650',
    'RETAIN_DRY_RUN: must be true or false',
  ])
})
