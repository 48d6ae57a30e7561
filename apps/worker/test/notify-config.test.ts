import { ConfigError } from '@stems/config/environment'
import { expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'

const SECRET = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
const BARE = Buffer.alloc(64, 2).toString('base64')
const URL_OF_APP = 'https://app.example/hooks'

const problemsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('nobody is told where no URL is set, whatever else is', () => {
  expect(readConfig({}).notify).toBeUndefined()
  expect(readConfig({ NOTIFY_SECRET: SECRET, NOTIFY_EARLY: 'true' }).notify).toBeUndefined()
})

test('every setting arrives where it belongs; secrets may come without their prefix', () => {
  const env = { NOTIFY_URL: URL_OF_APP, NOTIFY_SECRET: `${SECRET}, ${BARE}` }
  expect(readConfig(env).notify).toEqual({
    ...{ url: URL_OF_APP, secrets: [SECRET, BARE], isEarly: false, allowPrivate: false },
  })
  expect(readConfig({ ...env, NOTIFY_EARLY: 'true', NOTIFY_ALLOW_PRIVATE: 'true' }).notify).toMatchObject({
    ...{ isEarly: true, allowPrivate: true },
  })
})

test.each([
  ['no URL', 'app.example/hooks', /^NOTIFY_URL: must be a URL such as https:/],
  ['another scheme', 'ftp://app.example', /^NOTIFY_URL: must be a URL such as https:/],
  ['http', 'http://app.example', /^NOTIFY_URL: must be https; NOTIFY_ALLOW_PRIVATE=true permits it/],
  ['a private address', 'https://10.0.0.1/', /^NOTIFY_URL: its address is not a public one; NOTIFY_ALLOW_PRIVATE=true/],
  [
    'this machine',
    'https://localhost:4000/',
    /^NOTIFY_URL: its address is not a public one; NOTIFY_ALLOW_PRIVATE=true/,
  ],
  ['credentials', 'https://me:hunter2@app.example/', /^NOTIFY_URL: must carry no user and password/],
])('a URL that could never be asked is refused at start: %s', (_what, NOTIFY_URL, problem) => {
  const problems = problemsOf({ NOTIFY_URL, NOTIFY_SECRET: SECRET })
  expect(problems).toEqual([expect.stringMatching(problem)])
  expect(problems.join()).not.toContain('hunter2')
})

test('an app in the same network may be asked where that is permitted', () => {
  for (const NOTIFY_URL of [
    'http://app:4000/hooks',
    'http://10.0.0.1/',
    'https://localhost/',
    'https://app.example:8443/',
  ]) {
    expect(problemsOf({ NOTIFY_URL, NOTIFY_SECRET: SECRET, NOTIFY_ALLOW_PRIVATE: 'true' })).toEqual([])
  }
  expect(problemsOf({ NOTIFY_URL: 'https://app.example:8443/', NOTIFY_SECRET: SECRET })).toEqual([])
  expect(problemsOf({ NOTIFY_URL: 'https://app.example./', NOTIFY_SECRET: SECRET })).toEqual([])
})

test.each([
  ['none', undefined, /^NOTIFY_SECRET: must be set where NOTIFY_URL is/],
  ['words', 'correct horse battery staple', /^NOTIFY_SECRET: entry 1 must be whsec_ and base64/],
  [
    'the URL-safe alphabet',
    Buffer.alloc(24, 255).toString('base64url'),
    /^NOTIFY_SECRET: entry 1 must be whsec_ and base64/,
  ],
  [
    'too short',
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    /^NOTIFY_SECRET: entry 1 must hold 24 to 64 bytes, and holds 23/,
  ],
  [
    'too long',
    `whsec_${Buffer.alloc(65).toString('base64')}`,
    /^NOTIFY_SECRET: entry 1 must hold 24 to 64 bytes, and holds 65/,
  ],
  ['nothing but a prefix', 'whsec_', /^NOTIFY_SECRET: entry 1 must hold 24 to 64 bytes, and holds 0/],
  ['asymmetric', 'whsk_abcd', /^NOTIFY_SECRET: entry 1 is a key for asymmetric signatures/],
])('a secret that no receiver could use is refused at start: %s', (_what, NOTIFY_SECRET, problem) => {
  expect(problemsOf({ NOTIFY_URL: URL_OF_APP, NOTIFY_SECRET })).toEqual([expect.stringMatching(problem)])
})
