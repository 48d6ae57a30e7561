import { expect, inject, test } from 'vitest'
import { ask } from './ask.ts'
import { authorizationOf, LOGIN, startBoard, VIEWER } from './start-board.ts'

const redis = { url: inject('redisUrl') }

const PATHS = [
  '/',
  '/?page=2',
  '/style.css',
  '/files/task-1/vocal.mp3',
  '/files/task-1/manifest.json',
  '/api/separations',
  '/api/separations/task-1',
  '/queues',
  '/queues/',
  '/queues/queue/stems',
  '/queues/static/favicon.ico',
  '/queues/static/js/nothing.js',
  '/queues/api/queues',
  '/queues/api/redis/stats',
  '/queues/api/nothing',
  '/metrics',
  '/favicon.ico',
  '/nothing/here',
  '/livez/',
  '/livez/../queues',
  '/%',
  '/files/%E0%A4%A/x',
  `/files/${'a'.repeat(600)}/x`,
]

test.each(PATHS)('%s answers 401 without the login and tells nothing', async (path) => {
  const board = await startBoard(redis.url)
  const answer = await ask(board.origin, path)
  expect(answer.status).toBe(401)
  expect(answer.headers['www-authenticate']).toBe('Basic realm="Stemkeeper", charset="UTF-8"')
  expect(answer.body).toContain('This needs a login')
})

test.each(['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])('%s needs the login too', async (method) => {
  const board = await startBoard(redis.url)
  for (const path of ['/', '/queues/api/queues/pause', '/nothing']) {
    expect((await ask(board.origin, path, { method })).status).toBe(401)
  }
})

test.each([
  { user: 'admin', password: 'wrong' },
  { user: 'admin', password: '' },
  { user: 'somebody', password: LOGIN.password },
])('$user with «$password» is turned away', async (login) => {
  const board = await startBoard(redis.url)
  const answer = await fetch(board.origin, { headers: { authorization: authorizationOf(login) } })
  expect(answer.status).toBe(401)
})

test.each(['Bearer abc', 'Basic', 'Basic %%%', `Basic ${Buffer.from('no colon').toString('base64')}`])(
  'a header «%s» is turned away',
  async (authorization) => {
    const board = await startBoard(redis.url)
    expect((await fetch(board.origin, { headers: { authorization } })).status).toBe(401)
  },
)

test('the right login opens every page, and unknown paths answer 404', async () => {
  const board = await startBoard(redis.url)
  expect((await board.get('/')).status).toBe(200)
  expect((await board.get('/style.css')).headers.get('content-type')).toBe('text/css; charset=utf-8')
  expect((await board.get('/queues')).status).toBe(200)
  expect((await board.get('/queues/static/favicon.ico')).status).toBe(200)
  const missing = await board.get('/nothing')
  expect(missing.status).toBe(404)
  expect(missing.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const authorization = authorizationOf(LOGIN)
  expect((await ask(board.origin, '/%', { headers: { authorization } })).status).toBe(400)
})

test('health checks need no login and give no reasons', async () => {
  const board = await startBoard(redis.url)
  const alive = await fetch(`${board.origin}/livez`)
  expect([alive.status, await alive.json()]).toEqual([200, { status: 'ok' }])
  expect((await fetch(`${board.origin}/readyz`)).status).toBe(200)
})

test('neither password nor header stands in the log', async () => {
  const board = await startBoard(redis.url)
  const wrong = authorizationOf({ user: 'admin', password: 'a guess' })
  await fetch(board.origin, { headers: { authorization: wrong } })
  await board.get('/')
  await board.get('/nothing')
  expect(board.logged()).toContain('login.refused')
  for (const secret of [LOGIN.password, 'a guess', wrong, authorizationOf(LOGIN)]) {
    expect(board.logged()).not.toContain(secret.replace('Basic ', ''))
  }
})

test('both logins open the board, and neither name fits the password of the other', async () => {
  const board = await startBoard(redis.url)
  const statusOf = async (user: string, password: string) =>
    (await fetch(board.origin, { headers: { authorization: authorizationOf({ user, password }) } })).status
  expect(await statusOf(LOGIN.user, LOGIN.password)).toBe(200)
  expect(await statusOf(VIEWER.user, VIEWER.password)).toBe(200)
  expect(await statusOf(LOGIN.user, VIEWER.password)).toBe(401)
  expect(await statusOf(VIEWER.user, LOGIN.password)).toBe(401)
})

test('without a password for it there is no second login', async () => {
  const board = await startBoard(redis.url, { logins: [LOGIN] })
  for (const password of ['', VIEWER.password, 'undefined']) {
    const authorization = authorizationOf({ user: 'viewer', password })
    expect((await fetch(board.origin, { headers: { authorization } })).status).toBe(401)
  }
})

test('beyond thirty wrong logins a minute an address gets 429, and the right login passes all the while', async () => {
  const board = await startBoard(redis.url)
  const wrong = { headers: { authorization: authorizationOf({ user: 'admin', password: 'a guess' }) } }
  for (let n = 0; n < 30; n++) expect((await fetch(board.origin, wrong)).status).toBe(401)
  for (const path of ['/', '/api/separations', '/queues/api/queues', '/nothing']) {
    const limited = await fetch(board.origin + path, wrong)
    expect(limited.status).toBe(429)
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(limited.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(limited.headers.get('www-authenticate')).toBeNull()
  }
  expect((await board.get('/')).status).toBe(200)
  expect((await fetch(board.origin)).status).toBe(401) // who gives no login makes no guess
  expect((await fetch(`${board.origin}/livez`)).status).toBe(200)
  expect(board.logged().split('login.refused').length - 1).toBe(30)
})

test('behind a proxy that is trusted each client has failures of its own; what a stranger says of himself is not believed', async () => {
  const guess = authorizationOf({ user: 'admin', password: 'a guess' })
  const guessFrom = async (board: { origin: string }, address: string) =>
    (await ask(board.origin, '/', { headers: { authorization: guess, 'x-forwarded-for': address } })).status

  const trusting = await startBoard(redis.url, { trustedProxies: ['127.0.0.0/8'] })
  for (let n = 0; n < 31; n++) await guessFrom(trusting, '192.0.2.1')
  expect(await guessFrom(trusting, '192.0.2.1')).toBe(429)
  expect(await guessFrom(trusting, '192.0.2.2')).toBe(401)

  const wary = await startBoard(redis.url)
  for (let n = 0; n < 30; n++) await guessFrom(wary, `192.0.2.${n}`)
  expect(await guessFrom(wary, '192.0.2.99')).toBe(429)
})
