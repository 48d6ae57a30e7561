import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { documentedPayload } from '../../../test/stand-in/payloads.ts'
import { problemSchema } from '../src/problem.ts'
import { KEY, startServer, TOKEN } from './server-under-test.ts'

const CALLBACK = documentedPayload('split-stem')
const signed = (key = KEY, at = Math.floor(Date.now() / 1000)) => ({
  'x-webhook-timestamp': `${at}`,
  'x-webhook-signature': createHmac('sha256', key).update(`${CALLBACK.data.task_id}.${at}`).digest('base64'),
})

type Server = Awaited<ReturnType<typeof startServer>>
type Asked = {
  url?: string
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  payload?: unknown
  from?: string
}

const ask = async ({ app }: Server, { url = '/callbacks/separation', method = 'POST', ...asked }: Asked = {}) =>
  app.inject({
    method,
    url,
    remoteAddress: asked.from ?? '192.0.2.1',
    headers: { ...(method === 'POST' ? { 'content-type': 'application/json' } : {}), ...asked.headers },
    ...(method === 'POST' ? { payload: JSON.stringify(asked.payload ?? CALLBACK) } : {}),
  })

const statuses = async (server: Server, times: number, asked: Asked = {}): Promise<number[]> => {
  const seen: number[] = []
  for (let n = 0; n < times; n++) seen.push((await ask(server, asked)).statusCode)
  return seen
}

test('who proves nothing is answered 429 beyond the limit, with a time to come back, and the connection ends', async () => {
  const server = await startServer({ strangersPerMinute: 3 })
  expect(await statuses(server, 3)).toEqual([401, 401, 401])

  const answer = await ask(server)
  expect(answer.statusCode).toBe(429)
  expect(answer.headers['content-type']).toMatch('application/problem+json')
  expect(problemSchema.strict().parse(answer.json())).toMatchObject({ title: 'Too Many Requests', status: 429 })
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60)
  expect(answer.headers.connection).toBe('close')
  expect(await server.metrics.registry.metrics()).toContain('stemkeeper_callbacks_total{answer="limited"} 1')
})

test('a token and a signature are never limited, from the address of the flood neither', async () => {
  const server = await startServer({ strangersPerMinute: 1 })
  expect(await statuses(server, 5)).toEqual([401, 429, 429, 429, 429])

  expect(await statuses(server, 5, { url: `/callbacks/separation/${TOKEN}` })).toEqual(Array(5).fill(200))
  expect(await statuses(server, 5, { url: `/callbacks/separation?token=${TOKEN}` })).toEqual(Array(5).fill(200))
  expect(await statuses(server, 5, { headers: signed() })).toEqual(Array(5).fill(200))
  expect(await statuses(server, 2, { url: `/callbacks/separation/${TOKEN}`, payload: {} })).toEqual([400, 400])
})

test('callbacks that are proven are not counted at all', async () => {
  const server = await startServer({ strangersPerMinute: 1 })
  expect(await statuses(server, 5, { headers: signed() })).toEqual(Array(5).fill(200))
  expect(await statuses(server, 5, { url: `/callbacks/separation/${TOKEN}` })).toEqual(Array(5).fill(200))
  expect(await statuses(server, 2)).toEqual([401, 429])
})

test.each<[string, number, Asked]>([
  ['no proof', 401, {}],
  ['a wrong token', 401, { url: '/callbacks/separation/wrong' }],
  ['a signature that only looks fresh', 401, { headers: signed('stolen') }],
  ['an old signature', 401, { headers: signed(KEY, 1_000_000_000) }],
  ['a false signature over a body without a task', 400, { headers: signed('stolen'), payload: {} }],
  ['a false signature over a body too large', 413, { headers: signed('stolen'), payload: 'x'.repeat(300_000) }],
  ['a false signature over text', 415, { headers: { ...signed('stolen'), 'content-type': 'text/plain' } }],
  [
    'a false signature over a poisoned body',
    400,
    { headers: signed('stolen'), payload: { constructor: { prototype: 1 } } },
  ],
  ['a path that is not there', 404, { url: '/.env', method: 'GET' }],
  ['a callback to a path that is not there', 404, { url: '/callbacks' }],
  ['a URL that cannot be read', 400, { url: '/callbacks/separation/%zz' }],
  ['a token longer than any is', 414, { url: `/callbacks/separation/${'x'.repeat(600)}` }],
  ['the OpenAPI document', 200, { url: '/openapi.json', method: 'GET' }],
  ['the metrics', 200, { url: '/metrics', method: 'GET' }],
])('%s counts', async (_what, status, asked) => {
  const server = await startServer({ strangersPerMinute: 2 })
  expect(await statuses(server, 4, asked)).toEqual([status, status, 429, 429])
  expect(await statuses(server, 1)).toEqual([429])
})

test('liveness and readiness are never limited', async () => {
  const server = await startServer({ strangersPerMinute: 1 })
  await statuses(server, 3)
  for (const url of ['/livez', '/readyz']) {
    expect(await statuses(server, 3, { url, method: 'GET' })).toEqual([200, 200, 200])
  }
})

test('a limit of 0 is none', async () => {
  const server = await startServer({ strangersPerMinute: 0 })
  expect(await statuses(server, 50)).toEqual(Array(50).fill(401))
})

test('where no proof is demanded nobody who sends callbacks is limited', async () => {
  const server = await startServer({ strangersPerMinute: 1, authRequired: false, tokens: [], hmacKeys: [] })
  expect(await statuses(server, 5)).toEqual(Array(5).fill(200))
})

test.each([
  ['another address', '192.0.2.2', 401],
  ['the same one, written as IPv6', '::ffff:192.0.2.1', 429],
])('each address has a limit of its own: %s', async (_what, from, status) => {
  const server = await startServer({ strangersPerMinute: 1 })
  expect(await statuses(server, 2)).toEqual([401, 429])
  expect(await statuses(server, 1, { from })).toEqual([status])
})

test('an IPv6 host has one limit for the whole network that it owns', async () => {
  const server = await startServer({ strangersPerMinute: 1 })
  expect(await statuses(server, 1, { from: '2001:db8:1:2::1' })).toEqual([401])
  expect(await statuses(server, 1, { from: '2001:db8:1:2:ffff::9' })).toEqual([429])
  expect(await statuses(server, 1, { from: '2001:db8:1:3::1' })).toEqual([401])
  expect(await statuses(server, 1, { from: 'fe80::1%eth0' })).toEqual([401])
})

const forwarded = (address: string) => ({ 'x-forwarded-for': address })

test('nobody gets around the limit by saying that he is somebody else', async () => {
  const server = await startServer({ strangersPerMinute: 1 })
  expect(await statuses(server, 1, { headers: forwarded('198.51.100.1') })).toEqual([401])
  expect(await statuses(server, 1, { headers: forwarded('198.51.100.2') })).toEqual([429])
})

test('a trusted proxy is believed about who is behind it, and nobody behind it is', async () => {
  const server = await startServer({ strangersPerMinute: 1, trustedProxies: ['192.0.2.0/24'] })
  expect(await statuses(server, 2, { headers: forwarded('198.51.100.1') })).toEqual([401, 429])
  expect(await statuses(server, 1, { headers: forwarded('198.51.100.2') })).toEqual([401])
  expect(await statuses(server, 1, { headers: forwarded('203.0.113.9, 198.51.100.2') })).toEqual([429])
  expect(await statuses(server, 1, { headers: forwarded('198.51.100.3'), from: '203.0.113.1' })).toEqual([401])
  expect(await statuses(server, 1, { headers: forwarded('198.51.100.4'), from: '203.0.113.1' })).toEqual([429])
})

test('whatever a proxy forwards that is no address counts as one', async () => {
  const server = await startServer({ strangersPerMinute: 1, trustedProxies: ['192.0.2.1'] })
  expect(await statuses(server, 1, { headers: forwarded('unknown') })).toEqual([401])
  expect(await statuses(server, 1, { headers: forwarded('x'.repeat(5000)) })).toEqual([429])
  expect(await statuses(server, 1, { headers: forwarded('::1%zone, ::g') })).toEqual([429])
})
