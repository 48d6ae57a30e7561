import { expect, inject, test } from 'vitest'
import { ask } from './ask.ts'
import { API_KEY, startBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

const redisUrl = inject('redisUrl')

const bearer = (key = API_KEY) => ({ authorization: `Bearer ${key}` })
const OTHER_SITE = { 'user-agent': 'Mozilla/5.0', origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }

test('a key opens the API and the files, and acts', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:' }))
  const get = (path: string) => fetch(board.origin + path, { headers: bearer() })
  await expect.poll(async () => (await get('/files/task-1/manifest.json')).status).toBe(200)
  for (const path of [
    '/api/separations',
    '/api/separations/task-1',
    '/api/quarantine',
    '/api/openapi.json',
    '/metrics',
  ]) {
    expect((await get(path)).status, path).toBe(200)
  }
  expect((await get('/files/task-1/vocal.mp3')).status).toBe(200)
  for (const path of ['/api/nothing', '/files/task-1/none.mp3', '/files/x/..%2f..%2fx']) {
    const missing = await get(path)
    expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
  }
  const lower = await ask(board.origin, '/api/separations', { headers: { authorization: `bearer  ${API_KEY}` } })
  expect(lower.status).toBe(200)
})

test('a key opens no page, and not Bull Board', async () => {
  const board = await startBoard(redisUrl)
  const paths = [
    '/',
    '/quarantine',
    '/overview',
    '/metrics/',
    '/style.css',
    '/queues',
    '/queues/api/queues',
    '/nothing',
    '/api',
    '/files',
    '/apix/',
  ]
  for (const path of [...paths, '/queues/../api/separations', '//api/separations', '/%61pi/../']) {
    expect((await ask(board.origin, path, { headers: bearer() })).status, path).toBe(401)
  }
  for (const path of ['/separations', '/separations/x/replay', '/quarantine/release']) {
    expect((await ask(board.origin, path, { method: 'POST', headers: bearer() })).status, path).toBe(401)
  }
})

test('a program with a key is asked for no page that it comes from, a login still is', async () => {
  const board = await startBoard(redisUrl)
  const path = '/api/separations/nobody/replay'
  const act = (headers: Record<string, string>) => ask(board.origin, path, { method: 'POST', headers })
  expect((await act({ ...bearer(), ...OTHER_SITE })).status).toBe(404) // let through: there is no such separation
  const login = `Basic ${Buffer.from('admin:pässword: with colons').toString('base64')}`
  expect((await act({ authorization: login, ...OTHER_SITE })).status).toBe(403)
  expect((await act({ ...bearer('not-a-key-of-this-board'), ...OTHER_SITE })).status).toBe(401)
})

test.each(['', 'x', `${API_KEY}x`, API_KEY.slice(1), API_KEY.toUpperCase(), `${API_KEY} x`])(
  'a wrong key «%s» gets a problem',
  async (key) => {
    const board = await startBoard(redisUrl)
    const { status, headers, body } = await ask(board.origin, '/api/separations', { headers: bearer(key) })
    expect(status).toBe(401)
    expect(headers['content-type']).toBe('application/problem+json')
    expect(headers['www-authenticate']).toBeDefined()
    expect(JSON.parse(body)).toMatchObject({ status: 401, type: 'about:blank' })
  },
)

test('without API_KEYS no key fits', async () => {
  const board = await startBoard(redisUrl, { apiKeys: [] })
  for (const key of [API_KEY, 'undefined', '']) {
    expect((await ask(board.origin, '/api/separations', { headers: bearer(key) })).status).toBe(401)
  }
})

test('wrong keys and wrong logins of an address are counted together, and the right key passes all the while', async () => {
  const board = await startBoard(redisUrl)
  const wrong = { headers: bearer('not-a-key-of-this-board') }
  for (let n = 0; n < 30; n++) expect((await fetch(`${board.origin}/api/separations`, wrong)).status).toBe(401)
  const limited = await fetch(`${board.origin}/api/separations`, wrong)
  expect([limited.status, limited.headers.get('content-type')]).toEqual([429, 'application/problem+json'])
  expect(limited.headers.get('www-authenticate')).toBeNull()
  const login = { headers: { authorization: `Basic ${Buffer.from('admin:x').toString('base64')}` } }
  expect((await fetch(board.origin, login)).status).toBe(429)
  expect((await fetch(`${board.origin}/api/separations`, { headers: bearer() })).status).toBe(200)
})

test('no key stands in the log', async () => {
  const board = await startBoard(redisUrl)
  for (const key of [API_KEY, 'not-a-key-of-this-board']) {
    await fetch(`${board.origin}/api/separations`, { headers: bearer(key) })
    await fetch(`${board.origin}/api/separations/x/replay`, { method: 'POST', headers: bearer(key) })
  }
  expect(board.logged()).toContain('login.refused')
  expect(board.logged()).not.toMatch(/a-key-for-programs|not-a-key/)
})
