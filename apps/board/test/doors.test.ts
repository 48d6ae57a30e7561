import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, inject, test } from 'vitest'
import { ask } from './ask.ts'
import { authorizationOf, LOGIN, startBoard, VIEWER } from './start-board.ts'

const redisUrl = inject('redisUrl')

/** A path that a route answers to. */
const pathOf = (url: string): string => url.replaceAll(/:\w+|\*/g, 'task-1')

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK', 'QUERY']
const UNKNOWN = ['/nothing', '/api/nothing', '/queues/api/nothing', '/metrics/x', '/favicon.ico', '/livez/', '/LIVEZ']
const UNREADABLE = ['/%', '/livez%', '/files/%E0%A4%A/x', `/files/${'a'.repeat(600)}/x`, '/api/%']
const ODD = [
  '//',
  '//livez',
  '/livez/../',
  '/./livez',
  '/livez;x',
  '/%6civez',
  '/livez%00',
  '/\\livez',
  '/?/livez',
  '/readyz/..',
]

test('the routes that are there are the ones that are meant', async () => {
  const { routes } = await startBoard(redisUrl)
  expect(routes.filter(({ open }) => open).map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /livez',
    'HEAD /livez',
    'GET /readyz',
    'HEAD /readyz',
  ])
  expect(
    routes
      .filter(({ method }) => method !== 'GET' && method !== 'HEAD')
      .map(({ method, url }) => `${method} ${url}`)
      .sort(),
  ).toEqual([
    'POST /api/notifications/:id/replay',
    'POST /api/notifications/replay',
    'POST /api/quarantine/:taskId/release',
    'POST /api/quarantine/release',
    'POST /api/separations',
    'POST /api/separations/:taskId/replay',
    'POST /notifications/:id/replay',
    'POST /notifications/replay',
    'POST /quarantine/:taskId/release',
    'POST /quarantine/release',
    'POST /separations',
    'POST /separations/:taskId/replay',
  ])
  const urls = routes.map(({ url }) => url)
  expect(urls).toEqual(expect.arrayContaining(['/', '/files/:taskId/:file', '/queues/api/queues', '/queues/static/*']))
})

test('every route, by every method, asks for the login, and so do unknown and unreadable paths', async () => {
  const board = await startBoard(redisUrl)
  const paths = new Set([...board.routes.map(({ url }) => pathOf(url)), ...UNKNOWN, ...UNREADABLE, ...ODD])
  const open = new Set(board.routes.filter((route) => route.open).map(({ method, url }) => `${method} ${url}`))
  const answered = []
  for (const path of paths) {
    for (const method of METHODS) {
      const { status, headers, body } = await ask(board.origin, path, { method })
      if (open.has(`${method} ${path}`)) continue
      // A path is decoded before it is looked up: this is /livez.
      if (path === '/%6civez' && (method === 'GET' || method === 'HEAD')) continue
      if (status !== 401 || !headers['www-authenticate']) answered.push(`${method} ${path} ${status}`)
      if (method !== 'HEAD' && !body.includes('This needs a login')) answered.push(`${method} ${path} ${body}`)
    }
  }
  expect(answered).toEqual([])
  expect(paths.size).toBeGreaterThan(40)
})

test.each([
  'OPTIONS * HTTP/1.1',
  'GET http://board/ HTTP/1.1',
  'GET http://board/livez/../queues HTTP/1.1',
  'GET http://evil.example/queues HTTP/1.1',
  'GET /queues HTTP/1.0',
])('«%s» tells nothing without the login', async (line) => {
  const board = await startBoard(redisUrl)
  const { hostname, port } = new URL(board.origin)
  const socket = connect(Number(port), hostname)
  socket.write(`${line}\r\nhost: board\r\nconnection: close\r\n\r\n`)
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /)
})

test('a viewer sees every page', async () => {
  const board = await startBoard(redisUrl)
  const headers = { authorization: authorizationOf(VIEWER) }
  const pages = ['/', '/quarantine', '/overview', '/metrics', '/queues']
  for (const path of [...pages, '/api/separations', '/api/quarantine', '/api/overview', '/queues/api/queues']) {
    expect((await fetch(board.origin + path, { headers })).status, path).toBe(200)
  }
})

test('a viewer is refused by every route that is not asked for with GET, known or not', async () => {
  const board = await startBoard(redisUrl)
  const headers = { authorization: authorizationOf(VIEWER), 'sec-fetch-site': 'same-origin' }
  const paths = new Set([...board.routes.map(({ url }) => pathOf(url)), ...UNKNOWN, ...UNREADABLE])
  for (const path of paths) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      const answer = await ask(board.origin, path, { method, headers })
      expect([method, path, answer.status]).toEqual([method, path, 403])
      const type = /^\/(queues\/)?api\/(?!%)/.test(path) ? 'application/problem+json' : 'text/html'
      expect(answer.headers['content-type'], path).toContain(type)
      expect(answer.body).toContain('This login may look at everything and change nothing.')
    }
  }
})

test('an admin is not', async () => {
  const board = await startBoard(redisUrl)
  const headers = { authorization: authorizationOf(LOGIN), 'sec-fetch-site': 'same-origin' }
  for (const { url } of board.routes.filter(({ method }) => method === 'POST')) {
    const answer = await ask(board.origin, pathOf(url), { method: 'POST', headers })
    const isRegister = url.endsWith('/separations') // what it registers must be named
    expect(isRegister ? [400] : [200, 303, 404]).toContain(answer.status)
  }
})
