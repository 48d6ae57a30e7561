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
  expect(readConfig({ CALLBACK_TOKENS: 'token' })).toMatchObject({
    redis: { url: 'redis://127.0.0.1:6379', minReplicas: 0 },
    queuePrefix: 'stemkeeper',
    logLevel: 'info',
    host: '127.0.0.1',
    port: 3000,
    authRequired: true,
    secrets: { tokens: ['token'], hmacKeys: [], toleranceSeconds: 300 },
    limits: { strangersPerMinute: 300, trustedProxies: [] },
  })
})

test('every setting arrives where it belongs', () => {
  expect(
    readConfig({
      REDIS_URL: 'rediss://redis',
      QUEUE_PREFIX: 'prod',
      LOG_LEVEL: 'silent',
      HOST: '::',
      PORT: '0',
      CALLBACK_TOKENS: 'old, new',
      CALLBACK_HMAC_KEYS: 'key-1,key-2',
      CALLBACK_TOLERANCE_SECONDS: '60',
      CALLBACK_AUTH: 'required',
      QUARANTINE_MAX: '7',
      QUARANTINE_MAX_BYTES: '8',
      RATE_LIMIT_PER_MINUTE: '0',
      TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    }),
  ).toMatchObject({
    redis: { url: 'rediss://redis', tls: {}, minReplicas: 0 },
    queuePrefix: 'prod',
    logLevel: 'silent',
    host: '::',
    port: 0,
    authRequired: true,
    secrets: { tokens: ['old', 'new'], hmacKeys: ['key-1', 'key-2'], toleranceSeconds: 60 },
    quarantine: { limit: 7, maxBytes: 8 },
    limits: { strangersPerMinute: 0, trustedProxies: ['10.0.0.0/8', '::1'] },
  })
})

test.each([
  ['nothing', {}],
  ['empty values', { CALLBACK_TOKENS: '', CALLBACK_HMAC_KEYS: '' }],
  ['commas alone', { CALLBACK_TOKENS: ' , ,', CALLBACK_HMAC_KEYS: ',' }],
  ['auth required in words', { CALLBACK_AUTH: 'required' }],
])('with %s ingress refuses to start, and says what would let it', (_what, env) => {
  expect(problemsOf(env)).toEqual([expect.stringMatching(/CALLBACK_TOKENS.*CALLBACK_HMAC_KEYS.*CALLBACK_AUTH=none/)])
})

test.each([{ CALLBACK_TOKENS: 'token' }, { CALLBACK_HMAC_KEYS: 'key' }])('one secret is enough: %j', (env) => {
  expect(readConfig(env).authRequired).toBe(true)
})

test('CALLBACK_AUTH=none starts without any secret', () => {
  expect(readConfig({ CALLBACK_AUTH: 'none' })).toMatchObject({ authRequired: false, secrets: { tokens: [] } })
})

test.each([
  ['PORT', '70000'],
  ['CALLBACK_AUTH', 'off'],
  ['CALLBACK_AUTH', 'None'],
  ['CALLBACK_TOLERANCE_SECONDS', '0'],
  ['CALLBACK_TOLERANCE_SECONDS', '5m'],
  ['QUARANTINE_MAX', '-1'],
  ['QUARANTINE_MAX', '10001'],
  ['QUARANTINE_MAX_BYTES', '64MB'],
  ['RATE_LIMIT_PER_MINUTE', '-1'],
  ['RATE_LIMIT_PER_MINUTE', 'off'],
  ['TRUSTED_PROXIES', 'true'],
  ['TRUSTED_PROXIES', '0.0.0.0/0'],
])('%s=%s is a problem that names the variable', (name, value) => {
  expect(problemsOf({ CALLBACK_TOKENS: 'token', [name]: value })).toEqual([
    expect.stringMatching(new RegExp(`^${name}: `)),
  ])
})

test('missing secrets are reported together with every other problem', () => {
  const problems = problemsOf({ PORT: 'x', QUEUE_PREFIX: 'a:b' })
  expect(problems).toHaveLength(3)
  expect(problems.join('\n')).toMatch(/CALLBACK_TOKENS/)
})

test('a secret never stands in a problem', () => {
  const secrets = { CALLBACK_TOKENS: 'hunter2', CALLBACK_HMAC_KEYS: 'hunter2', CALLBACK_TOKENS_FILE: '/no/such/file' }
  const problems = problemsOf({ ...secrets, PORT: 'x' })
  expect(problems).toHaveLength(2)
  expect(problems.join('\n')).not.toContain('hunter2')
})
