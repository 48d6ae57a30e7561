import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createHostAsk, type HostAskOptions } from '../src/host-ask.ts'
import { resolver, startFarSide } from './far-sides.ts'

const askOf = (url: string, more: Partial<HostAskOptions> = {}) => {
  const ask = createHostAsk({ url, allowPrivate: true, setting: 'PROVIDER_API_URL', ...more })
  return (to = url) => ask({ method: 'POST', url: new URL(to), headers: {}, body: '{"buy":"this"}' })
}

const startRawServer = async (onBytes: (socket: import('node:net').Socket) => void) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => onBytes(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}

test('the configured host is asked, and no other', async () => {
  const far = await startFarSide((_request, response) => response.end('{}'))
  const blocked: string[] = []
  const ask = askOf(`http://127.0.0.1:${far.port}/base`, { onBlocked: ({ host }) => blocked.push(host) })
  expect(await ask()).toMatchObject({ status: 200, text: '{}' })
  await expect(ask('http://127.0.0.2:1/')).rejects.toMatchObject({
    code: 'blocked',
    message: expect.stringContaining('PROVIDER_API_URL'),
  })
  expect(blocked).toEqual(['127.0.0.2:1'])
})

test('a private address is not asked unless that is allowed', async () => {
  const far = await startFarSide((_request, response) => response.end())
  const ask = askOf(`https://api.example:${far.port}/`, {
    allowPrivate: false,
    resolving: { lookup: resolver(['127.0.0.1']) },
  })
  await expect(ask()).rejects.toMatchObject({ code: 'blocked', reason: 'address' })
  expect(far.connections()).toBe(0)
})

test('a host that cannot be reached has certainly been sent nothing', async () => {
  const port = await startRawServer(() => {})
  const free = await startFarSide(() => {})
  const refused = askOf('http://127.0.0.1:1/')()
  await expect(refused).rejects.toMatchObject({ kind: 'unreachable', isUnsent: true })
  const nowhere = askOf('http://nowhere.example/', {
    resolving: {
      lookup: (_host, _options, done) => done(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }), ''),
    },
  })()
  await expect(nowhere).rejects.toMatchObject({ kind: 'unreachable', isUnsent: true })
  const noTls = askOf(`https://127.0.0.1:${free.port}/`)()
  await expect(noTls).rejects.toMatchObject({ isUnsent: true })
  expect([port, free.paths]).toEqual([port, []])
})

test('a greeting that takes too long has sent nothing of the request', async () => {
  const port = await startRawServer(() => {}) // never answers the greeting
  const slow = askOf(`https://127.0.0.1:${port}/`, { timeoutMs: 200 })()
  await expect(slow).rejects.toMatchObject({ name: 'RequestFailure', isUnsent: true })
})

test.each<[string, (socket: import('node:net').Socket) => void]>([
  ['resets the connection', (socket) => socket.resetAndDestroy()],
  ['hangs up', (socket) => socket.destroy()],
  ['answers nonsense', (socket) => socket.end('hello\r\n\r\n')],
  ['begins an answer and hangs up', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx')],
  ['says nothing', () => {}],
])('a request whose far side takes it and %s may have been heard', async (_what, onBytes) => {
  const port = await startRawServer(onBytes)
  const asking = askOf(`http://127.0.0.1:${port}/`, { timeoutMs: 300 })()
  await expect(asking).rejects.toMatchObject({ name: 'RequestFailure', isUnsent: false })
})
