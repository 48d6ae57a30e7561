import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { problemSchema } from '../src/problem.ts'
import { startServer, TOKEN } from './server-under-test.ts'

const PATH = `/callbacks/separation/${TOKEN}`
const BODY = '{"code":200,"data":{"task_id":"task-1"}}'
const JSON_TYPE = 'content-type: application/json'
const LENGTH = `content-length: ${BODY.length}`

const request = (line: string, headers: string[] = [], body = '') =>
  [`${line} HTTP/1.1`, 'host: ingress', ...headers, '', body].join('\r\n')
const callback = (...headers: string[]) => request(`POST ${PATH}`, [JSON_TYPE, LENGTH, ...headers], BODY)
const chunked = (chunks: string, ...headers: string[]) =>
  request(`POST ${PATH}`, [JSON_TYPE, 'transfer-encoding: chunked', ...headers], chunks)

/** Sends bytes over a real connection, and reads until the server hangs up. */
const talk = async (port: number, bytes: string | Buffer): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let heard = ''
  socket.on('data', (data) => {
    heard += data.toString('latin1')
  })
  socket.on('error', () => {}) // the server may hang up in the middle of what it is sent
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.write(bytes)
  await closed
  return heard
}

const listen = async () => {
  const server = await startServer()
  await server.app.listen({ port: 0, host: '127.0.0.1' })
  return { ...server, port: (server.app.server.address() as AddressInfo).port }
}

const expectAnswer = (heard: string, status: number) => {
  const [head = '', body = ''] = heard.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '').split('\r\n\r\n')
  expect(Number(head.split(' ')[1]), heard).toBe(status)
  if (status === 200) return
  expect(head.toLowerCase()).toContain('content-type: application/problem+json')
  expect(problemSchema.strict().parse(JSON.parse(body))).toMatchObject({ status })
}

const CLOSE = 'connection: close'

test.each<[string, number, string | Buffer]>([
  ['Expect: 100-continue', 200, callback('expect: 100-continue', CLOSE)],
  ['an expectation that nobody knows', 200, callback('expect: 299-miracle', CLOSE)],
  ['a body in chunks', 200, chunked(`${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`, CLOSE)],
  ['an absolute URL', 200, callback(CLOSE).replace(PATH, `http://elsewhere${PATH}`)],
  ['an upgrade of a callback', 200, callback('connection: upgrade, close', 'upgrade: h2c')],
  ['HTTP/1.0', 200, callback().replace('HTTP/1.1', 'HTTP/1.0')],
  ['a chunk size that is no number', 400, chunked('zz\r\nabc\r\n')],
  ['a chunk size below zero', 400, chunked('-5\r\nabcde\r\n')],
  ['a chunk that is longer than it says', 400, chunked('2\r\nabcde\r\n0\r\n\r\n')],
  ['endless chunk extensions', 413, chunked(`5;${'a'.repeat(20_000)}\r\nabcde\r\n`)],
  ['a length and chunks', 400, chunked('0\r\n\r\n', LENGTH)],
  ['two lengths', 400, callback('content-length: 7')],
  ['a length below zero', 400, request(`POST ${PATH}`, [JSON_TYPE, 'content-length: -1'], BODY)],
  ['a length beyond all numbers', 400, request(`POST ${PATH}`, [JSON_TYPE, `content-length: ${'9'.repeat(30)}`], BODY)],
  ['a length beyond what is read', 413, request(`POST ${PATH}`, [JSON_TYPE, 'content-length: 999999999', CLOSE], BODY)],
  ['another encoding for the transfer', 400, request(`POST ${PATH}`, [JSON_TYPE, 'transfer-encoding: gzip'], BODY)],
  ['a header without a colon', 400, callback('no colon')],
  ['a folded header', 400, callback('a: b', ' c: d', '\0: e')],
  ['a flood of headers', 431, callback(...Array(5000).fill('a: b'))],
  ['one endless header', 431, callback(`a: ${'b'.repeat(20_000)}`)],
  ['an absurd URL', 431, request(`POST /${'x'.repeat(20_000)}`)],
  ['a long URL', 414, request(`POST /callbacks/separation/${'x'.repeat(9000)}`, [CLOSE])],
  ['a URL that cannot be read', 400, request('POST /callbacks/separation/%zz', [CLOSE])],
  ['OPTIONS', 404, request(`OPTIONS ${PATH}`, [CLOSE])],
  ['OPTIONS *', 404, request('OPTIONS *', [CLOSE])],
  ['TRACE', 404, request(`TRACE ${PATH}`, [CLOSE])],
  ['PROPFIND', 404, request(`PROPFIND ${PATH}`, [CLOSE])],
  ['QUERY', 404, request(`QUERY ${PATH}`, [CLOSE])],
  ['an upgrade to a web socket', 404, request(`GET ${PATH}`, ['connection: upgrade, close', 'upgrade: websocket'])],
  ['a verb that nobody knows', 400, request(`STEAL ${PATH}`)],
  ['HTTP/2 at once', 400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['TLS where there is none', 400, Buffer.from('160301020001000000', 'hex')],
  ['a zero byte in the URL', 400, request('GET /\0')],
])('%s is answered %i', async (_what, status, bytes) => {
  const { port, post } = await listen()
  expectAnswer(await talk(port, bytes), status)
  expect((await post(BODY)).statusCode).toBe(200)
})

test('CONNECT is hung up on', async () => {
  const { port, post } = await listen()
  expect(await talk(port, request('CONNECT example.org:443'))).toBe('')
  expect((await post(BODY)).statusCode).toBe(200)
})

test('a request without a host is answered 400', async () => {
  const { port } = await listen()
  expect(await talk(port, `POST ${PATH} HTTP/1.1\r\ncontent-length: 0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
})

test('a refusal that comes from the URL repeats nothing of it', async () => {
  const { port } = await listen()
  for (const secret of ['hunter2'.repeat(100), 'hunter2%zz']) {
    expect(await talk(port, request(`POST /callbacks/separation/${secret}`, [CLOSE]))).not.toContain('hunter2')
  }
})

test('requests that are sent ahead of their answers are answered in turn', async () => {
  const { port, kept } = await listen()
  const heard = await talk(port, callback().repeat(31) + callback(CLOSE))
  expect(heard.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(32)
  expect(kept.quarantined).toHaveLength(32)
})
