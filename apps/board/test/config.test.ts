import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import { announceRandomPassword } from '../src/random-password.ts'

test('nothing needs to be set', () => {
  expect(readConfig({})).toEqual({
    redis: { url: 'redis://127.0.0.1:6379', minReplicas: 0 },
    apiKeys: [],
    queuePrefix: 'stemkeeper',
    logLevel: 'info',
    host: '127.0.0.1',
    port: 3001,
    storeUrl: 'file:./data/stems',
    storeOptions: { s3: { forcePathStyle: false }, partsFolder: './data/parts' },
    user: 'admin',
    password: undefined,
    trustedProxies: [],
    viewer: undefined,
  })
})

test('the password may come from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'board-config-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'password')
  await writeFile(file, 'from the file\n')
  expect(readConfig({ BOARD_PASSWORD_FILE: file }).password).toBe('from the file')
})

test('a second login is there as soon as it has a password', () => {
  expect(readConfig({ BOARD_VIEWER_USER: 'guest' }).viewer).toBeUndefined()
  expect(readConfig({ BOARD_VIEWER_PASSWORD: 'look' }).viewer).toEqual({
    user: 'viewer',
    password: 'look',
    role: 'viewer',
  })
})

test.each([{ BOARD_USER: 'ops', BOARD_VIEWER_USER: 'ops' }, { BOARD_USER: 'viewer' }, { BOARD_VIEWER_USER: 'admin' }])(
  'one name for both logins is a problem: %j',
  (names) => {
    expect(() => readConfig({ ...names, BOARD_VIEWER_PASSWORD: 'look' })).toThrow(/^BOARD_VIEWER_USER: must differ/)
    expect(readConfig(names).viewer).toBeUndefined()
  },
)

test('proxies are addresses and networks', () => {
  expect(readConfig({ TRUSTED_PROXIES: '10.0.0.0/8, ::1' }).trustedProxies).toEqual(['10.0.0.0/8', '::1'])
  expect(() => readConfig({ TRUSTED_PROXIES: 'everybody' })).toThrow(/TRUSTED_PROXIES/)
})

test('every problem is named at once, and no secret is repeated', () => {
  const read = () => readConfig({ BOARD_USER: 'a:b', BOARD_PASSWORD: 'tab\there', PORT: '70000', STORE_URL: '/stems' })
  expect(read).toThrow(/BOARD_USER/)
  expect(read).toThrow(/BOARD_PASSWORD/)
  expect(read).toThrow(/PORT/)
  expect(read).toThrow(/STORE_URL/)
  expect(read).not.toThrow(/here/)
})

test('a random password is told in one line, and is another one each time', () => {
  const lines: string[] = []
  const passwords = [1, 2].map(() => announceRandomPassword('admin', (line) => lines.push(line)))
  expect(lines.length).toBe(2)
  expect(lines[0]).toMatch(/^[^\n]+\n$/)
  expect(lines[0]).toContain(`user admin, password ${passwords[0]} `)
  expect(passwords[0]).not.toBe(passwords[1])
  expect(passwords[0]?.length).toBe(24)
})

test('keys for programs are a list of what a header can hold', () => {
  const good = 'x'.repeat(16)
  expect(readConfig({ API_KEYS: ` ${good}, abcdefgh-._~+/0123== ` }).apiKeys).toEqual([good, 'abcdefgh-._~+/0123=='])
  for (const [bad, words] of [
    [`${good},${'x'.repeat(15)}`, /^API_KEYS: entry 2 is shorter than 16 characters/],
    ['sixteen letters and blanks', /^API_KEYS: entry 1 holds characters other than/],
    ['schlüssel-schlüssel', /^API_KEYS: entry 1 holds characters other than/],
  ] as const) {
    expect(() => readConfig({ API_KEYS: bad })).toThrow(words)
    expect(() => readConfig({ API_KEYS: bad })).not.toThrow(bad)
  }
})
