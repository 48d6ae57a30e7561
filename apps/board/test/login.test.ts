import { request } from 'node:http'
import { expect, inject, test } from 'vitest'
import { authorizationOf, LOGIN, startBoard } from './start-board.ts'

const redis = { url: inject('redisUrl') }

/** As it stands, without the tidying up that fetch does to paths. */
const raw = (origin: string, path: string, { method = 'GET', headers = {} } = {}) =>
  new Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]>; body: string }>(
    (resolve, reject) => {
      const { hostname, port } = new URL(origin)
      request({ hostname, port, path, method, headers }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
      })
        .on('error', reject)
        .end()
    },
  )

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
  const answer = await raw(board.origin, path)
  expect(answer.status).toBe(401)
  expect(answer.headers['www-authenticate']).toBe('Basic realm="Stemkeeper", charset="UTF-8"')
  expect(answer.body).toContain('This needs a login')
})

test.each(['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])('%s needs the login too', async (method) => {
  const board = await startBoard(redis.url)
  for (const path of ['/', '/queues/api/queues/pause', '/nothing']) {
    expect((await raw(board.origin, path, { method })).status).toBe(401)
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
  expect((await raw(board.origin, '/%', { headers: { authorization } })).status).toBe(400)
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

test('answers carry security headers, on refusals too', async () => {
  const board = await startBoard(redis.url)
  for (const answer of [await fetch(board.origin), await board.get('/nothing')]) {
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  }
  const policy = (await board.get('/queues')).headers.get('content-security-policy')
  expect(policy).toContain("script-src 'self'")
  expect(policy).toContain("frame-ancestors 'none'")
})
