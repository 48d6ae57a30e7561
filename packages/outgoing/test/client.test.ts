import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { RequestListener } from 'node:http'
import { getDefaultAutoSelectFamily, type LookupFunction, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { BlockedUrlError } from '@stems/domain/errors'
import { expect, onTestFinished, test, vi } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { type Client, createClient } from '../src/client.ts'
import { createUrlGuard, type Resolving, type UrlGuard, type UrlRules } from '../src/url-guard.ts'
import { PRIVATE, PUBLIC, resolver, startFarSide, startPublicAndPrivate } from './far-sides.ts'
import { PRIVATE_ADDRESSES } from './private-addresses.ts'

const NAME = 'cdn.example'
const TIMEOUTS = { idleMs: 20_000 }
const RULES: UrlRules = {
  allowedHosts: ['*'],
  allowedPorts: [443],
  allowPrivate: false,
  settingNames: { hosts: 'HOSTS', ports: 'PORTS' },
}

const fetchWith = (client: Client, link: string, redirects = 5) =>
  client.request(new URL(link), { timeouts: TIMEOUTS, redirects })

/**
 * A far side under a name that resolves as told, beside a trap on 127.0.0.1 that nobody may reach. The rules are those of
 * production, but for one thing: the far side has no certificate, so that it alone may be asked by http.
 */
const startWorld = async (answer: RequestListener, { answers = [[PUBLIC]], rules = {} }: WorldOptions = {}) => {
  const { open, trap } = await startPublicAndPrivate(answer)
  const lookup = resolver(...answers)
  const resolving: Resolving = { lookup, alsoPublic: [PUBLIC] }
  const guard = createUrlGuard({ ...RULES, allowedPorts: [443, open.port], ...rules }, resolving)
  const origin = `http://${NAME}:${open.port}`
  const lenient: UrlGuard = { ...guard, check: (url) => void (url.href.startsWith(`${origin}/`) || guard.check(url)) }
  const client = createClient(lenient)
  const ask = (link: string, redirects?: number) => fetchWith(client, link.replace('TRAP', `${trap.port}`), redirects)
  return { ask, client, origin, open, trap, lookup }
}
type WorldOptions = { answers?: string[][]; rules?: Partial<UrlRules> }

const blocked = (reason: string, host: string) =>
  expect.objectContaining({ code: 'blocked', verdict: 'never', reason, host: expect.stringContaining(host) })

const plain: RequestListener = (_request, response) => response.end('a song')

test('a name that leads to a public address is asked', async () => {
  const { ask, origin, open, trap } = await startWorld(plain)
  const { status, body, url } = await ask(`${origin}/x.mp3`)
  expect([status, await text(body), url.href]).toEqual([200, 'a song', `${origin}/x.mp3`])
  expect([open.paths, trap.connections()]).toEqual([['/x.mp3'], 0])
})

test('a name that answers a public address first and 127.0.0.1 next is asked once, and then refused', async () => {
  const once: RequestListener = (_request, response) => response.setHeader('connection', 'close').end('a song')
  const { ask, origin, open, trap, lookup } = await startWorld(once, { answers: [[PUBLIC], [PRIVATE]] })
  expect(await text((await ask(`${origin}/first`)).body)).toBe('a song')
  await expect(ask(`${origin}/next`)).rejects.toEqual(blocked('address', NAME))

  expect(open.paths).toEqual(['/first'])
  expect(trap.connections()).toBe(0)
  expect(lookup.asked).toEqual([NAME, NAME]) // one look for each: what was judged is what was connected to
})

test('a name that changes its mind between a redirect and its target is refused', async () => {
  const toItself: RequestListener = (_request, response) =>
    response.writeHead(302, { location: '/next', connection: 'close' }).end()
  const { ask, origin, open, trap } = await startWorld(toItself, { answers: [[PUBLIC], [PRIVATE]] })
  await expect(ask(`${origin}/first`)).rejects.toEqual(blocked('address', NAME))
  expect([open.paths, trap.connections()]).toEqual([['/first'], 0])
})

test.each([
  ['a public one and 127.0.0.1', [PUBLIC, PRIVATE]],
  ['127.0.0.1 and a public one', [PRIVATE, PUBLIC]],
  ['a public one and ::1', [PUBLIC, '::1']],
  ['one of each family, the older one private', ['2606:4700::1111', PRIVATE]],
  ['many public ones and a private one', [PUBLIC, PUBLIC, PUBLIC, '10.0.0.1']],
])('a name with several addresses, %s, is refused as a whole', async (_what, addresses) => {
  expect(getDefaultAutoSelectFamily()).toBe(true) // Node would try them all
  const { ask, origin, open, trap } = await startWorld(plain, { answers: [addresses] })
  await expect(ask(`${origin}/x.mp3`)).rejects.toEqual(blocked('address', NAME))
  expect([open.connections(), trap.connections()]).toEqual([0, 0])
})

test.each(PRIVATE_ADDRESSES)('a name that leads to %s is refused at the moment of connecting', async (address) => {
  const trap = await startFarSide(plain)
  const lookup = resolver([address])
  const client = createClient(createUrlGuard({ ...RULES, allowedPorts: [trap.port] }, { lookup }))
  const asking = fetchWith(client, `https://${NAME}:${trap.port}/x.mp3`)

  await expect(asking).rejects.toEqual(blocked('address', NAME))
  await expect(asking).rejects.toThrow(`(${address})`)
  expect(lookup.asked).toEqual([NAME])
  expect(trap.connections()).toBe(0)
})

/** Connects as the client does, to wherever it is told, without anybody having judged the URL. */
const connectTo = (guard: UrlGuard, hostname: string, port: number) =>
  new Promise<unknown>((resolve) => {
    const target = { hostname, host: `${hostname}:${port}`, protocol: 'http:', port: `${port}` }
    guard.connector(20_000)(target, (error, socket) => {
      socket?.destroy()
      resolve(error ?? 'connected')
    })
  })

test('the resolver of this machine is judged like any other', async () => {
  const trap = await startFarSide(plain)
  expect(await connectTo(createUrlGuard(RULES), 'localhost', trap.port)).toBeInstanceOf(BlockedUrlError)
  expect(trap.connections()).toBe(0)
})

test.each(['127.0.0.1', '127.0.0.2', '0.0.0.0', '::1', '[::1]', '::ffff:127.0.0.1', '10.0.0.1', '169.254.169.254'])(
  'the connector refuses the literal %s by itself, for which Node calls no lookup',
  async (host) => {
    const trap = await startFarSide(plain)
    expect(await connectTo(createUrlGuard(RULES), host, trap.port)).toEqual(blocked('address', ''))
    expect(trap.connections()).toBe(0)
  },
)

test('who answers from an address that is not public is sent nothing, whatever the resolver was judged to say', async () => {
  const trap = await startFarSide(plain)
  const judged = vi
    .fn(() => true)
    .mockReturnValueOnce(true)
    .mockReturnValue(false)
  const alsoPublic = Object.assign([PRIVATE], { includes: judged })
  const guard = createUrlGuard(RULES, { lookup: resolver([PRIVATE]), alsoPublic })
  expect(await connectTo(guard, NAME, trap.port)).toEqual(blocked('address', NAME))
  expect([judged.mock.calls.length, trap.paths]).toEqual([2, []])
})

/** Has the system know no address of whoever is connected to, as when he resets a connection in the moment it is made. */
const forgetAddresses = () => {
  const forget = (message: unknown) => {
    Object.defineProperty((message as { socket: object }).socket, 'remoteAddress', { value: undefined })
  }
  subscribe('net.client.socket', forget)
  onTestFinished(() => void unsubscribe('net.client.socket', forget))
}

test('who hangs up before his address can be looked at was not reached, which is no refusal, and is sent nothing', async () => {
  const { ask, origin, open } = await startWorld(plain)
  forgetAddresses()
  const asking = ask(`${origin}/x.mp3`)
  await expect(asking).rejects.toMatchObject({ kind: 'unreachable', detail: 'ECONNRESET', isUnsent: true })
  expect(open.paths).toEqual([])
})

test('a connection serves one request after the other, and its address was judged', async () => {
  const { ask, origin, open, lookup } = await startWorld(plain)
  for (let times = 0; times < 3; times++) {
    expect(await text((await ask(`${origin}/x.mp3`)).body)).toBe('a song')
    await setImmediate() // the client takes a connection back a moment after its last byte
  }
  expect([open.paths.length, open.connections(), lookup.asked]).toEqual([3, 1, [NAME]])
})

test('a far side that closes a connection when it is used again is asked over a new one', async () => {
  const served = new Set<unknown>()
  const far = await startFarSide(({ socket }, response) => {
    if (served.has(socket)) return socket.destroy()
    served.add(socket)
    response.end('a song')
  })
  const client = createClient(createUrlGuard({ ...RULES, allowPrivate: true }))
  for (let times = 0; times < 2; times++) {
    expect(await text((await fetchWith(client, `http://${PRIVATE}:${far.port}/`)).body)).toBe('a song')
    await setImmediate()
  }
  expect([far.paths.length, far.connections()]).toEqual([3, 2])
})

test('a far side that resets a connection just before it is used again is asked over a new one', async () => {
  const sockets: Socket[] = []
  const far = await startFarSide(({ socket }, response) => {
    sockets.push(socket)
    response.end('a song')
  })
  const client = createClient(createUrlGuard({ ...RULES, allowPrivate: true }))
  const url = `http://${PRIVATE}:${far.port}/`
  await text((await fetchWith(client, url)).body)
  await setImmediate()
  sockets[0]?.resetAndDestroy()
  expect(await text((await fetchWith(client, url)).body)).toBe('a song')
  expect([far.paths.length, far.connections()]).toEqual([2, 2])
})

test('a request that is redirected again and again has the time of one', async () => {
  const far = await startFarSide((_request, response) => {
    setTimeout(() => response.writeHead(302, { location: '/next' }).end(), 100)
  })
  const client = createClient(createUrlGuard({ ...RULES, allowPrivate: true }))
  const options = { timeouts: { ...TIMEOUTS, totalMs: 1000 }, redirects: 100 }
  const asking = client.request(new URL(`http://${PRIVATE}:${far.port}/old`), options)
  await expect(asking).rejects.toMatchObject({ kind: 'slow' })
})

test('a far side that announces an answer again and again is not waited for for ever', async () => {
  const { ask, origin } = await startWorld(({ socket }) => {
    const announce = (): void =>
      void socket.write('HTTP/1.1 103 Early Hints\r\n\r\n', () => socket.destroyed || announce())
    announce()
  })
  await expect(ask(`${origin}/x.mp3`)).rejects.toMatchObject({ kind: 'silent' })
})

test('a POST is sent once, over a connection of its own', async () => {
  const far = await startFarSide((request, response) => {
    if (request.method === 'POST') request.socket.destroy()
    else response.end('a song')
  })
  const client = createClient(createUrlGuard({ ...RULES, allowPrivate: true }))
  const url = `http://${PRIVATE}:${far.port}/`
  await text((await fetchWith(client, url)).body)
  await setImmediate()
  const posting = client.request(new URL(url), { method: 'POST', body: '{}', timeouts: TIMEOUTS })
  await expect(posting).rejects.toMatchObject({ kind: 'unreachable', isUnsent: false })
  expect([far.paths.length, far.connections()]).toEqual([2, 2])
})

test('a request that is interrupted, before or after it was sent, fails without its secrets', async () => {
  const far = await startFarSide(() => {}) // never answers
  const client = createClient(createUrlGuard({ ...RULES, allowPrivate: true }))
  const asking = (signal: AbortSignal) =>
    client
      .request(new URL(`http://127.0.0.1:${far.port}/?key=hunter2`), {
        headers: { authorization: 'Bearer hunter3' },
        timeouts: TIMEOUTS,
        signal,
      })
      .then(
        () => expect.unreachable(),
        (error: unknown) => error,
      )
  const controller = new AbortController()
  const sent = asking(controller.signal)
  await waitFor('the request has come', () => far.paths.length === 1)
  controller.abort('shutdown')
  for (const error of [await sent, await asking(AbortSignal.abort())]) {
    expect(error).toMatchObject({ name: 'RequestFailure', kind: 'interrupted' })
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/hunter\d/)
  }
  expect(far.paths).toHaveLength(1)
})

test('a connection that comes too late for a POST is not kept for another', async () => {
  const far = await startFarSide(plain)
  const { promise: found, resolve: find } = Promise.withResolvers<void>()
  const address = resolver([PRIVATE])
  const lookup: LookupFunction = (...asked) => void found.then(() => address(...asked))
  const closed = vi.fn()
  const guard = createUrlGuard(RULES, { lookup, alsoPublic: [PRIVATE] })
  const connector: UrlGuard['connector'] = (ms) => (target, done) =>
    guard.connector(ms)(target, (...made) => {
      made[1]?.on('close', closed)
      done(...made)
    })
  const client = createClient({ check: () => {}, connector })
  const controller = new AbortController()
  const url = new URL(`http://${NAME}:${far.port}/`)
  const asking = client.request(url, { method: 'POST', timeouts: TIMEOUTS, signal: controller.signal })
  controller.abort()
  await expect(asking).rejects.toMatchObject({ kind: 'interrupted', isUnsent: true })
  find()
  await waitFor('the connection is closed', () => closed.mock.calls.length === 1, { withinMs: 2000 })
  expect(far.connections()).toBe(1)
})

test.each([
  ['the loopback address', 'https://127.0.0.1:TRAP/x', 'address', '127.0.0.1'],
  ['the loopback address as a number', 'https://2130706433:TRAP/x', 'address', '127.0.0.1'],
  ['the loopback address in hexadecimal', 'https://0x7f.1:TRAP/x', 'address', '127.0.0.1'],
  ['the loopback address in full-width digits', 'https://１２７.0.0.1:TRAP/x', 'address', '127.0.0.1'],
  ['the loopback address without a scheme', '//127.0.0.1:TRAP/x', 'scheme', '127.0.0.1'],
  ['the loopback address of IPv6', 'https://[::1]:TRAP/x', 'address', '[::1]'],
  ['an embedded address', 'https://[::127.0.0.1]:TRAP/x', 'address', '[::7f00:1]'],
  ['a mapped address', 'https://[::ffff:7f00:1]:TRAP/x', 'address', '[::ffff:7f00:1]'],
  ['any address of this machine', 'https://0.0.0.0:TRAP/x', 'address', '0.0.0.0'],
  ['localhost', 'https://localhost:TRAP/x', 'address', 'localhost'],
  ['localhost with a dot', 'https://localhost.:TRAP/x', 'address', 'localhost.'],
  ['metadata', 'https://169.254.169.254/latest/meta-data', 'address', '169.254.169.254'],
  ['plain http', 'http://cdn2.example:TRAP/x', 'scheme', 'cdn2.example'],
  ['another protocol', 'ftp://cdn.example/x', 'scheme', 'cdn.example'],
  ['a file', 'file:///etc/passwd', 'scheme', 'file:'],
  ['data', 'data:audio/mpeg;base64,AAAA', 'scheme', 'data:'],
  ['a socket of this machine', 'unix:/var/run/docker.sock:/images', 'scheme', 'unix:'],
  ['an URL with credentials', 'https://u:hunter2@cdn.example:TRAP/x', 'credentials', 'cdn.example'],
  ['the same host with credentials', 'http://u:hunter2@SAME/x', 'scheme', 'cdn.example'],
  ['another port', 'https://cdn.example:22/x', 'port', 'cdn.example:22'],
  ['another host', 'https://elsewhere.example/x', 'host', 'elsewhere.example'],
])('a redirect to %s is refused, and goes nowhere', async (_what, to, reason, host) => {
  const answer: RequestListener = ({ socket }, response) => {
    const port = `${socket.localPort}`
    const location = to.replace('TRAP', port).replace('SAME', `${NAME}:${port}`)
    response.writeHead(302, { location: Buffer.from(location).toString('latin1') }).end()
  }
  const rules = { allowedHosts: [NAME, 'cdn2.example', PRIVATE] }
  const { ask, origin, open, trap, lookup } = await startWorld(answer, { rules })
  const asking = ask(`${origin}/old`)

  await expect(asking).rejects.toEqual(blocked(reason, host))
  await expect(asking).rejects.not.toThrow('hunter2')
  expect([open.paths, trap.connections(), lookup.asked]).toEqual([['/old'], 0, [NAME]])
})

test('a redirect to a name that leads to a private address is refused when it is connected to', async () => {
  const answer: RequestListener = ({ socket }, response) =>
    response.writeHead(302, { location: `https://inside.example:${socket.localPort}/x` }).end()
  const { ask, origin, trap, lookup } = await startWorld(answer, { answers: [[PUBLIC], [PRIVATE]] })
  await expect(ask(`${origin}/old`)).rejects.toEqual(blocked('address', 'inside.example'))
  expect([trap.connections(), lookup.asked]).toEqual([0, [NAME, 'inside.example']])
})

test.each([301, 302, 303, 307, 308])(
  'a redirect with status %i to where requests may go is followed',
  async (status) => {
    const location = Buffer.from('/новый?x').toString('latin1') // as many servers send it: UTF-8 as it is
    const { ask, origin } = await startWorld((request, response) => {
      if (request.url === '/old') response.writeHead(status, { location }).end()
      else response.end(request.url)
    })
    const { body, url } = await ask(`${origin}/old`)
    expect(await text(body)).toBe(encodeURI('/новый?x'))
    expect(url.pathname).toBe(encodeURI('/новый'))
  },
)

test('redirects are followed as often as was asked for, and then given up', async () => {
  const round: RequestListener = (_request, response) => response.writeHead(302, { location: '/round' }).end()
  const { ask, origin, open } = await startWorld(round)
  await expect(ask(`${origin}/round`, 3)).rejects.toMatchObject({ kind: 'unreachable', detail: 'too many redirects' })
  expect(open.paths).toHaveLength(4)
  expect(await ask(`${origin}/round`, 0)).toMatchObject({ status: 302 })
})

test('a body that breaks off fails as a request does, whoever reads it, and shows nothing of the request', async () => {
  const { ask, origin } = await startWorld((_request, response) => {
    response.writeHead(200, { 'content-length': '9' }).write('a song', () => response.destroy())
  })
  const { body } = await ask(`${origin}/x.mp3?token=hunter2`)
  const error = await text(body).catch((error) => error)
  expect(error).toMatchObject({ name: 'RequestFailure', kind: 'cut', host: new URL(origin).host })
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('hunter2')
})

test.each([
  ['of HTTP/1.1', 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\na song'],
  ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\na song'],
])('a body %s that would end with its connection fails when that is reset', async (_what, answer) => {
  const sockets: Socket[] = []
  const { ask, origin } = await startWorld(({ socket }) => {
    sockets.push(socket)
    socket.write(answer)
  })
  const { body } = await ask(`${origin}/x.mp3`)
  body.once('data', () => sockets[0]?.resetAndDestroy())
  await expect(text(body)).rejects.toMatchObject({ name: 'RequestFailure', kind: 'cut' })
})

test.each([{ headers: { Authorization: 'Bearer x' } }, { headers: { 'x-api-key': 'x' } }, { method: 'POST' as const }])(
  'what is meant for one host only cannot be told to follow redirects: %j',
  async (options) => {
    const { client, origin, open } = await startWorld(plain)
    const asking = client.request(new URL(origin), { timeouts: TIMEOUTS, redirects: 1, ...options })
    await expect(asking).rejects.toThrow(/must not follow redirects/)
    expect(open.connections()).toBe(0)
  },
)

test('where private addresses are permitted, they are reached by name and by number', async () => {
  const far = await startFarSide(plain)
  const rules = { ...RULES, allowedHosts: [NAME, PRIVATE], allowPrivate: true }
  const client = createClient(createUrlGuard(rules, { lookup: resolver([PRIVATE]) }))
  for (const host of [NAME, PRIVATE]) {
    expect(await text((await fetchWith(client, `http://${host}:${far.port}/`)).body)).toBe('a song')
  }
})

test('an URL that is changed after it was judged leads nowhere else', async () => {
  const { client, origin, open, trap } = await startWorld(plain)
  const url = new URL(`${origin}/x.mp3`)
  const asking = client.request(url, { timeouts: TIMEOUTS })
  url.hostname = PRIVATE
  const answer = await asking
  expect([await text(answer.body), answer.url.hostname]).toEqual(['a song', NAME])
  expect([open.paths, trap.connections()]).toEqual([['/x.mp3'], 0])
})
