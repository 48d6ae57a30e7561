import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { authorizationOf } from './start-board.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

const startMain = (env: NodeJS.ProcessEnv) => {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, REDIS_URL: 'redis://127.0.0.1:1', PORT: '0', LOG_LEVEL: 'trace', ...env },
  })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const printed = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    printed.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    printed.err += chunk
  })
  const origin = async (): Promise<string> => {
    await expect.poll(() => printed.out, { timeout: 20_000 }).toContain('"msg":"app.listening"')
    return `http://127.0.0.1:${/"port":(\d+),"msg":"app.listening"/.exec(printed.out)?.[1]}`
  }
  return { child, exited, printed, origin }
}

test('without a password a random one is printed once, and it opens the board while Redis is away', async () => {
  const { child, exited, printed, origin } = startMain({})
  const board = await origin()
  const password = /^Board login: user admin, password (\S+) /.exec(printed.out)?.[1] ?? ''
  expect((await fetch(board)).status).toBe(401)
  const answer = await fetch(board, { headers: { authorization: authorizationOf({ user: 'admin', password }) } })
  expect([answer.status, (await answer.text()).includes('Redis is away')]).toEqual([503, true])
  expect((await fetch(`${board}/livez`)).status).toBe(200)

  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
  expect(printed.out.split(password).length - 1).toBe(1)
  const [, ...logLines] = printed.out.trim().split('\n')
  expect(logLines.map((line) => JSON.parse(line).app).every((app) => app === 'board')).toBe(true)
})

test('a password that is set is printed nowhere', async () => {
  const { printed, origin } = startMain({ BOARD_USER: 'ops', BOARD_PASSWORD: 'a good one' })
  const board = await origin()
  const authorization = authorizationOf({ user: 'ops', password: 'a good one' })
  expect((await fetch(board, { headers: { authorization } })).status).toBe(503)
  expect(printed.out + printed.err).not.toContain('a good one')
  expect(printed.out).not.toContain('Board login')
})

test('the second login looks and does not act, and is printed nowhere', async () => {
  const { printed, origin } = startMain({ BOARD_PASSWORD: 'a good one', BOARD_VIEWER_PASSWORD: 'another good one' })
  const board = await origin()
  const authorization = authorizationOf({ user: 'viewer', password: 'another good one' })
  expect((await fetch(board, { headers: { authorization } })).status).toBe(503) // it is in, and Redis is away
  const action = await fetch(`${board}/quarantine/release`, { method: 'POST', headers: { authorization } })
  expect(action.status).toBe(403)
  expect(printed.out + printed.err).not.toContain('another good one')
})

test('a bad configuration ends the process with code 1 and a line per problem', async () => {
  const { exited, printed } = startMain({ PORT: 'x', BOARD_USER: 'a:b' })
  expect(await exited).toEqual([1, null])
  expect(printed.err).toMatch(/^configuration: PORT: .*\nconfiguration: BOARD_USER: .*\n$/)
})
