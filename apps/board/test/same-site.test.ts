import { expect, inject, test } from 'vitest'
import { ask } from './ask.ts'
import { authorizationOf, LOGIN, startBoard } from './start-board.ts'

const redisUrl = inject('redisUrl')

const BROWSER = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/60.0' }
const HOST = 'board.example:3001'

/** The status of an action that would find nothing to act on: 404 when it is let through. */
const act = async (headers: Record<string, string>, { trustedProxies = [] as string[] } = {}) => {
  const board = await startBoard(redisUrl, { trustedProxies })
  const all = { host: HOST, authorization: authorizationOf(LOGIN), ...headers }
  const [page, api] = [
    await ask(board.origin, '/separations/nobody/replay', { method: 'POST', headers: all }),
    await ask(board.origin, '/api/separations/nobody/replay', { method: 'POST', headers: all }),
  ]
  expect(api.status).toBe(page.status)
  if (page.status === 403) expect(api.headers['content-type']).toContain('application/problem+json')
  return page.status
}

const PASSES = 404
const REFUSED = 403

test.each<[string, number, Record<string, string>]>([
  ['a page of this board', PASSES, { ...BROWSER, 'sec-fetch-site': 'same-origin', origin: `http://${HOST}` }],
  ['a page of this board whose origin is hidden', PASSES, { 'sec-fetch-site': 'same-origin', origin: 'null' }],
  ['the browser’s own user', PASSES, { 'sec-fetch-site': 'none' }],
  ['another site', REFUSED, { 'sec-fetch-site': 'cross-site' }],
  ['another site that claims our origin', REFUSED, { 'sec-fetch-site': 'cross-site', origin: `http://${HOST}` }],
  ['a sister of this site', REFUSED, { 'sec-fetch-site': 'same-site', origin: 'http://other.board.example' }],
  ['a browser with a word of its own', REFUSED, { 'sec-fetch-site': 'Same-Origin' }],
  ['a page of this board, over plain http', PASSES, { ...BROWSER, origin: `http://${HOST}` }],
  ['a page of this board, behind TLS', PASSES, { ...BROWSER, origin: `https://${HOST}` }],
  ['another origin', REFUSED, { ...BROWSER, origin: 'https://evil.example' }],
  ['a hidden origin', REFUSED, { ...BROWSER, origin: 'null' }],
  ['an empty origin', REFUSED, { ...BROWSER, origin: '' }],
  ['another port of this host', REFUSED, { ...BROWSER, origin: 'http://board.example:3000' }],
  ['a host that ends like this one', REFUSED, { ...BROWSER, origin: `http://evil-${HOST}` }],
  ['a host that begins like this one', REFUSED, { ...BROWSER, origin: `http://${HOST}.evil.example` }],
  ['a user of this name elsewhere', REFUSED, { ...BROWSER, origin: `http://${HOST}@evil.example` }],
  ['a file', REFUSED, { ...BROWSER, origin: 'file://' }],
  ['an old browser on a page of this board', PASSES, { ...BROWSER, referer: `http://${HOST}/` }],
  ['an old browser on another page', REFUSED, { ...BROWSER, referer: `http://evil.example/?${HOST}` }],
  ['an old browser that says nothing', REFUSED, BROWSER],
  ['an old Opera that says nothing', REFUSED, { 'user-agent': 'Opera/9.80 (X11) Presto/2.12' }],
  ['curl', PASSES, { 'user-agent': 'curl/8.5.0' }],
  ['a program without a name', PASSES, {}],
])('an action by %s is answered %i', async (_who, status, headers) => {
  expect(await act(headers)).toBe(status)
})

test.each([
  ['https://board.example', 'board.example:443'],
  ['http://board.example', 'board.example:80'],
])('the default port may stand in the host: %s asks %s', async (origin, host) => {
  expect(await act({ ...BROWSER, origin, host })).toBe(PASSES)
})

test('a proxy that changes the host is in nobody’s way where the browser says that the page is ours', async () => {
  const headers = { ...BROWSER, host: 'board.internal:3001', origin: 'https://board.example' }
  expect(await act({ ...headers, 'sec-fetch-site': 'same-origin' })).toBe(PASSES)
})

test('elsewhere the host that a proxy passes on counts, if the proxy is trusted', async () => {
  const headers = { ...BROWSER, host: 'board.internal:3001', 'x-forwarded-host': 'board.example' }
  const ours = { ...headers, origin: 'http://board.example' }
  const foreign = { ...headers, origin: 'http://board.internal:3001' }
  const trusting = { trustedProxies: ['127.0.0.1'] }
  expect(await act(ours, trusting)).toBe(PASSES)
  expect(await act(foreign, trusting)).toBe(REFUSED)
  expect(await act(ours)).toBe(REFUSED)
  expect(await act({ ...ours, origin: 'http://evil.example' }, trusting)).toBe(REFUSED)
  expect(await act({ ...ours, origin: 'http://evil.example', 'x-forwarded-host': 'evil.example' })).toBe(REFUSED)
})

test('a refusal names the setting that helps behind a proxy', async () => {
  const board = await startBoard(redisUrl)
  const headers = { authorization: authorizationOf(LOGIN), origin: 'https://board.example' }
  const answer = await ask(board.origin, '/api/separations/x/replay', { method: 'POST', headers })
  expect(answer.body).toContain('TRUSTED_PROXIES')
})

test('a method in disguise is the method that it is', async () => {
  const board = await startBoard(redisUrl)
  const disguises = ['x-http-method-override', 'x-http-method', 'x-method-override']
  const authorization = authorizationOf(LOGIN)
  for (const name of disguises) {
    const path = '/separations/nobody/replay'
    const posted = { authorization, origin: 'https://evil.example', [name]: 'GET' }
    expect((await ask(board.origin, path, { method: 'POST', headers: posted })).status).toBe(403)
    // This would be let through to the action, had it been taken for a POST.
    const got = await ask(board.origin, `${path}?_method=POST`, { headers: { authorization, [name]: 'POST' } })
    expect([got.status, got.body.includes('There is nothing here.')]).toEqual([404, true])
  }
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) {
    const found = await ask(board.origin, '/quarantine/release', { method, headers: { authorization } })
    expect(found.status).toBe(404)
  }
})

test('no other site is told that it may ask', async () => {
  const board = await startBoard(redisUrl)
  const headers = {
    origin: 'https://evil.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,x-forwarded-host',
  }
  for (const path of ['/api/quarantine/release', '/api/separations', '/queues/api/queues']) {
    const preflight = await ask(board.origin, path, { method: 'OPTIONS', headers })
    expect(preflight.status).toBe(401)
    expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
  }
})

test.each([
  ['text/plain', 'x'],
  ['application/x-www-form-urlencoded', 'x='.repeat(2000)],
  ['multipart/form-data; boundary=x', '--x--'],
])('a body of type %s brings nothing with it', async (type, body) => {
  const board = await startBoard(redisUrl)
  const headers = { authorization: authorizationOf(LOGIN), 'content-type': type }
  const answer = await ask(board.origin, '/quarantine/release', { method: 'POST', headers, body })
  expect([413, 415]).toContain(answer.status)
})
