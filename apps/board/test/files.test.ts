import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { authorizationOf, LOGIN, startBoard, type TestBoard } from './start-board.ts'
import { stemBytes } from './start-worker.ts'

// Files are the store's affair alone: no Redis is here, and none is needed.
const NO_REDIS = 'redis://127.0.0.1:1'

const boardWithFile = async () => {
  const board = await startBoard(NO_REDIS, { redisIsAway: true })
  await mkdir(join(board.root, 'task-1'))
  await writeFile(join(board.root, 'task-1', 'vocal.mp3'), stemBytes('vocal'))
  await writeFile(join(board.root, 'task-1', 'manifest.json'), '{"version":1}\n')
  await writeFile(join(board.root, 'task-1', 'drums.0b7c.part'), 'half of it')
  await writeFile(join(board.root, 'secret.txt'), 'a secret')
  await writeFile(join(board.root, '..', 'secret.txt'), 'a secret')
  const askWith = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(board.origin + path, { method, headers: { ...headers, authorization: authorizationOf(LOGIN) } })
  return { ...board, ask: askWith }
}

/** Sends the path exactly as it stands. */
const ask = async (board: TestBoard, path: string): Promise<string> => {
  const { hostname, port } = new URL(board.origin)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const authorization = authorizationOf(LOGIN)
  socket.write(`GET ${path} HTTP/1.1\r\nhost: board\r\nauthorization: ${authorization}\r\nconnection: close\r\n\r\n`)
  return text(socket)
}

test('a file comes with its bytes, length, type and name', async () => {
  const board = await boardWithFile()
  const answer = await board.get('/files/task-1/vocal.mp3')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('audio/mpeg')
  expect(answer.headers.get('content-length')).toBe('70000')
  expect(answer.headers.get('content-disposition')).toBe('inline; filename="vocal.mp3"')
  expect(stemBytes('vocal').equals(Buffer.from(await answer.arrayBuffer()))).toBe(true)
})

test('a manifest comes as JSON', async () => {
  const board = await boardWithFile()
  const answer = await board.get('/files/task-1/manifest.json')
  expect(answer.headers.get('content-type')).toContain('application/json')
  expect(await answer.text()).toBe('{"version":1}\n')
})

test('HEAD tells the length without the bytes', async () => {
  const board = await boardWithFile()
  const answer = await board.get('/files/task-1/vocal.mp3', { method: 'HEAD' })
  expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '70000'])
  expect(await answer.text()).toBe('')
})

test.each(['/files/task-1/bass.mp3', '/files/task-2/vocal.mp3', '/files/task-1/drums.0b7c.part', '/files/task-1'])(
  '%s answers 404 with a page',
  async (path) => {
    const board = await boardWithFile()
    const answer = await board.get(path)
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('<h1>Not Found</h1>')
  },
)

test.each([
  '/files/../secret.txt',
  '/files/task-1/../../secret.txt',
  '/files/task-1/..%2f..%2fsecret.txt',
  '/files/task-1/%2e%2e%2f%2e%2e%2fsecret.txt',
  '/files/..%2f/secret.txt',
  '/files/../../secret.txt',
  '/files/%2e%2e/secret.txt',
  '/files/./secret.txt',
  '/files/%2e/secret.txt',
  '/files//secret.txt',
  '/files/task-1/..%5c..%5csecret.txt',
  '/files/task-1%2f../secret.txt',
  '/files/task-1/vocal.mp3%00.txt',
  '/files/task-1/%2fetc%2fpasswd',
  '/files/%2fetc/passwd',
  '/queues/static/../../../package.json',
  '/queues/static/..%2f..%2fpackage.json',
  '/queues/static/%2e%2e/%2e%2e/package.json',
])('%s leads nowhere', async (path) => {
  const board = await boardWithFile()
  const answer = await ask(board, path)
  expect(answer).toMatch(/^HTTP\/1\.1 (400|403|404) /)
  expect(answer).not.toMatch(/a secret|root:|"dependencies"/)
})

test('a folder of the store is no file', async () => {
  const board = await boardWithFile()
  await mkdir(join(board.root, 'task-1', 'folder.mp3'))
  expect((await board.get('/files/task-1/folder.mp3')).status).toBe(404)
})

test.each([
  ['bytes=0-0', 0, 0],
  ['bytes=10-19', 10, 19],
  ['bytes=69990-', 69_990, 69_999],
  ['bytes=-10', 69_990, 69_999],
  ['bytes=-999999', 0, 69_999],
  ['bytes=60000-999999', 60_000, 69_999],
])('%s is answered with those bytes', async (range, first, last) => {
  const board = await boardWithFile()
  const answer = await board.ask('/files/task-1/vocal.mp3', { range })
  expect(answer.status).toBe(206)
  expect(answer.headers.get('content-range')).toBe(`bytes ${first}-${last}/70000`)
  expect(answer.headers.get('content-length')).toBe(`${last - first + 1}`)
  expect(answer.headers.get('content-type')).toBe('audio/mpeg')
  expect(Buffer.from(await answer.bytes()).equals(stemBytes('vocal').subarray(first, last + 1))).toBe(true)
})

test.each(['bytes=0-1,5-6', 'bytes=x-', 'bytes=-', 'bytes=9-3', 'items=0-1', '0-1', `bytes=${'9'.repeat(30)}-`])(
  '«%s» is answered with the whole file',
  async (range) => {
    const board = await boardWithFile()
    const answer = await board.ask('/files/task-1/vocal.mp3', { range })
    expect([answer.status, (await answer.bytes()).length]).toEqual([200, 70_000])
    expect(answer.headers.get('accept-ranges')).toBe('bytes')
    expect(answer.headers.get('content-range')).toBeNull()
  },
)

test.each(['bytes=70000-', 'bytes=99999-100000', 'bytes=-0'])('%s lies beyond the file', async (range) => {
  const board = await boardWithFile()
  const answer = await board.ask('/files/task-1/vocal.mp3', { range })
  expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */70000'])
})

test('who goes on with a file that is another one by now gets all of it', async () => {
  const board = await boardWithFile()
  const path = '/files/task-1/vocal.mp3'
  const etag = (await board.ask(path)).headers.get('etag') ?? ''
  expect(etag).toMatch(/^"[\w-]+"$/)
  expect((await board.ask(path, { range: 'bytes=5-', 'if-range': etag })).status).toBe(206)
  expect((await board.ask(path, { 'if-none-match': `"x", W/${etag}` })).status).toBe(304)

  await board.store.remove('task-1', 'vocal.mp3')
  await writeFile(join(board.root, 'task-1', 'vocal.mp3'), stemBytes('drums'))
  expect((await board.ask(path, { 'if-none-match': etag })).status).toBe(200)
  const whole = await board.ask(path, { range: 'bytes=5-', 'if-range': etag })
  expect([whole.status, Buffer.from(await whole.bytes()).equals(stemBytes('drums'))]).toEqual([200, true])
  expect((await board.ask(path, { range: 'bytes=5-', 'if-range': 'Mon, 01 Jan 2035 00:00:00 GMT' })).status).toBe(200)
})

test('a manifest has ranges too, and HEAD tells of them without the bytes', async () => {
  const board = await boardWithFile()
  const part = await board.ask('/files/task-1/manifest.json', { range: 'bytes=2-8' })
  expect([part.status, await part.text()]).toEqual([206, 'version'])
  const head = await board.ask('/files/task-1/vocal.mp3', { range: 'bytes=1-2' }, 'HEAD')
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([206, '2', ''])
})

test('HEAD tells of a manifest what GET does, and a file that has not changed comes without a body', async () => {
  const board = await boardWithFile()
  const headers = { authorization: authorizationOf(LOGIN) }
  const get = (method: string, more: Record<string, string> = {}, file = 'manifest.json') =>
    fetch(`${board.origin}/files/task-1/${file}`, { method, headers: { ...headers, ...more } })
  const [whole, head] = [await get('GET'), await get('HEAD')]
  expect(head.status).toBe(200)
  for (const name of ['content-length', 'content-type', 'etag']) {
    expect(head.headers.get(name)).toBe(whole.headers.get(name))
  }
  const unchanged = await get('GET', { 'if-none-match': whole.headers.get('etag') ?? '' })
  expect(unchanged.status).toBe(304)
  expect(unchanged.headers.get('content-type')).toBeNull()
  expect(unchanged.headers.get('content-length')).toBeNull()
})
