import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../scripts/ports.ts'
import { documentedPayload } from '../stand-in/payloads.ts'
import { postJson } from '../support/post.ts'
import { emptyDirectory, runScript } from '../support/script.ts'
import { waitFor } from '../support/wait-for.ts'

const freePorts = async () => ({
  PORT: `${await freePort()}`,
  BOARD_PORT: `${await freePort()}`,
  WORKER_HEALTH_PORT: `${await freePort()}`,
})

test('npm start brings up everything without any configuration, and one Ctrl-C ends all', async () => {
  const ports = await freePorts()
  const directory = await emptyDirectory()
  const start = runScript('start', directory, ports)
  await waitFor('the banner', () => start.output().includes('Ctrl-C ends it'))

  // What the banner offers to try, as it stands there.
  const [, url = ''] = /try it +curl (\S+)/.exec(start.output()) ?? []
  const [, body = ''] = /-d '([^']+)'/.exec(start.output()) ?? []
  expect(await postJson(url, body)).toMatchObject({ status: 200, body: { status: 'accepted' } })
  const manifest = join(directory, 'data/stems/trial/manifest.json')
  await waitFor('the manifest', () => readFile(manifest, 'utf8').catch(() => undefined))

  const [, user, password] = /login +(\S+) \/ (\S+)/.exec(start.output()) ?? []
  const authorization = `Basic ${btoa(`${user}:${password}`)}`
  const library = await fetch(`http://127.0.0.1:${ports.BOARD_PORT}/`, { headers: { authorization } })
  expect(library.status).toBe(200)
  expect(await library.text()).toContain('trial')

  start.ctrlC()
  expect(await start.ended).toBe(0)
  for (const port of Object.values(ports)) {
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow()
  }
})

test('npm start keeps its callback URL and what it was told from start to start', async () => {
  const directory = await emptyDirectory()
  const run = async (visit: (url: string, library: () => Promise<string>) => Promise<void>) => {
    const ports = await freePorts()
    const start = runScript('start', directory, ports)
    await waitFor('the banner', () => start.output().includes('Ctrl-C ends it'))
    const [, url = ''] = /try it +curl (\S+)/.exec(start.output()) ?? []
    const [, user, password] = /login +(\S+) \/ (\S+)/.exec(start.output()) ?? []
    const headers = { authorization: `Basic ${btoa(`${user}:${password}`)}` }
    await visit(url, async () => (await fetch(`http://127.0.0.1:${ports.BOARD_PORT}/`, { headers })).text())
    start.ctrlC()
    expect(await start.ended).toBe(0)
    return new URL(url).pathname
  }

  const first = await run(async (url, library) => {
    await postJson(url, documentedPayload('separate-vocal-failed', { taskId: 'kept' }))
    await waitFor('the list shows it', async () => (await library()).includes('kept'))
  })
  const second = await run(async (_url, library) => {
    expect(await library()).toContain('kept')
  })
  expect(second).toBe(first)
})

test('npm start takes its secrets from files, and prints none that it was given', async () => {
  const directory = await emptyDirectory()
  const given = { CALLBACK_TOKENS: 'hunter2-token', BOARD_PASSWORD: 'hunter2-password' }
  const files = Object.entries(given).map(([name, value]) => {
    const file = join(directory, name)
    writeFileSync(file, `${value}\n`)
    return [`${name}_FILE`, file]
  })
  const ports = await freePorts()
  const start = runScript('start', directory, { ...ports, ...Object.fromEntries(files) })
  await waitFor('the banner', () => start.output().includes('Ctrl-C ends it'))

  const url = `http://127.0.0.1:${ports.PORT}/callbacks/separation/${given.CALLBACK_TOKENS}`
  expect(await postJson(url, documentedPayload('separate-vocal-failed'))).toMatchObject({ status: 200 })
  const headers = { authorization: `Basic ${btoa(`admin:${given.BOARD_PASSWORD}`)}` }
  expect((await fetch(`http://127.0.0.1:${ports.BOARD_PORT}/`, { headers })).status).toBe(200)
  start.ctrlC()
  expect(await start.ended).toBe(0)
  expect(start.output()).not.toContain('hunter2')
})

test('npm start says in one line that a port is taken, and ends with code 1', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())
  const { port } = squatter.address() as { port: number }

  const start = runScript('start', await emptyDirectory(), { ...(await freePorts()), BOARD_PORT: `${port}` })

  expect(await start.ended).toBe(1)
  expect(start.output()).toBe(`127.0.0.1:${port} is taken by another process; set BOARD_PORT to a free port\n`)
})

test('npm start says in one line that there is no Redis to be had, and ends with code 1', async () => {
  const start = runScript('start', await emptyDirectory(), { ...(await freePorts()), PATH: '/nowhere' })

  expect(await start.ended).toBe(1)
  expect(start.output()).toBe('there is no Redis to be had: run `npm run setup`, or set REDIS_URL to one that runs\n')
})

test('npm run demo saves the documented payloads, a task whose callback got lost, and one whose links expired, and shows each file with its sha256', async () => {
  const demo = runScript('demo', await emptyDirectory())

  expect(await demo.ended).toBe(0)
  const rows = demo.output().match(/│ \w+ +│ \w+\.mp3 +│ +\d+ │ [0-9a-f]{64} │ yes/g)
  expect(rows).toHaveLength(12 + 2 + 2 + 2 + 2)
  expect(demo.output()).toMatch(/separate-vocal-failed: failed/)
  expect(demo.output()).toMatch(/drums +█+ 100 %/)
  expect(demo.output()).toMatch(/record-info was asked [2-9] times/)
  expect(demo.output()).toContain('download-url was asked 2 times')
})
