import { once } from 'node:events'
import { Agent, get, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { postJson, signed } from '../support/post.ts'
import { startSystem, TOKEN } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const KEY = 'a-key-of-the-provider'
const RARELY = { everyMs: 500, withinMs: 40_000 } // who looks on is a stranger too, and limited

/** Opens connections that send something at once, and a little more again and again. */
const attack = async (url: string, count: number, opening: string, drip = '', reads = true): Promise<Socket[]> => {
  const { port } = new URL(url)
  const sockets = Array.from({ length: count }, () => connect(Number(port), '127.0.0.1'))
  for (const socket of sockets) {
    socket.on('error', () => {}) // being hung up on is what an attacker must expect
    if (reads) socket.resume()
    else socket.pause()
    onTestFinished(() => void socket.destroy())
  }
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) if (opening) socket.write(opening)
  const dripping = setInterval(() => {
    for (const socket of sockets) if (drip && socket.writable) socket.write(drip)
  }, 500)
  onTestFinished(() => clearInterval(dripping))
  return sockets
}

const head = (path: string, ...headers: string[]) =>
  [`POST ${path} HTTP/1.1`, 'host: ingress', 'content-type: application/json', ...headers, '', ''].join('\r\n')
const LONG = 'content-length: 200000'
const freshlySigned = () => Object.entries(signed('x', 'stolen')).map(([name, value]) => `${name}: ${value}`)

/** What ingress says of itself; asked from another address than the attackers'. */
const figure = (url: string, name: string): Promise<number> =>
  new Promise((resolve, reject) => {
    get(`${url}/metrics`, { localAddress: '127.0.0.2' }, async (response) => {
      resolve(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await text(response))?.[1]))
    }).on('error', reject)
  })
const connections = (url: string) => figure(url, 'nodejs_active_resources\\{type="TCPSocketWrap"\\}')

/** Posts honest callbacks, each over a connection of its own, until told to stop. */
const postSteadily = (url: string) => {
  const answers: number[] = []
  let isOver = false
  const post = async (): Promise<void> => {
    while (!isOver) {
      const taskId = `honest-${answers.length}`
      const [path, headers] = answers.length % 2 ? [`/${TOKEN}`, {}] : ['', signed(taskId, KEY)]
      const callback = documentedPayload('split-stem', { taskId })
      const { status } = await postJson(`${url}/callbacks/separation${path}`, callback, {
        connection: 'close',
        ...headers,
      })
      answers.push(status)
    }
  }
  const posting = post()
  posting.catch(() => {}) // whoever stops it is told
  return {
    stop: async () => {
      isOver = true
      await posting
      return answers
    },
  }
}

/** Sends the beginning of a callback with a token. What it returns sends the rest, and waits for the answer. */
const beginWithToken = async (url: string): Promise<() => Promise<string>> => {
  const callback = JSON.stringify(documentedPayload('split-stem', { taskId: 'patient' }))
  const headers = head(`/callbacks/separation/${TOKEN}`, `content-length: ${callback.length}`, 'connection: close')
  const [socket] = await attack(url, 1, headers + callback.slice(0, 20))
  let answer = ''
  socket?.on('data', (data) => {
    answer += data
  })
  return async () => {
    socket?.write(callback.slice(20))
    await waitFor('it is answered or hung up on', () => answer.includes('\r\n\r\n') || socket?.destroyed)
    return answer
  }
}

test('hundreds of clients that are slow in every way keep no callback out, and are gone afterwards', async () => {
  const { ingress } = await startSystem({ workers: 0, ingress: { CALLBACK_HMAC_KEYS: KEY } })
  const { url } = ingress
  const before = await connections(url)
  const honest = postSteadily(url)

  const ask = 'GET /openapi.json HTTP/1.1\r\nhost: ingress\r\n\r\n'
  const slow = [
    ...(await attack(url, 100, '')), // nothing is ever sent
    ...(await attack(url, 100, 'POST /callbacks/separation HTTP/1.1\r\n', 'x-a: b\r\n')), // headers without end
    ...(await attack(url, 50, head('/callbacks/separation', LONG), 'x')), // a body that nobody asked for
    ...(await attack(url, 100, head('/callbacks/separation', LONG, ...freshlySigned()), 'x')), // a body that is waited for
    ...(await attack(url, 50, head(`/callbacks/separation/${TOKEN}`, 'transfer-encoding: chunked'), '1\r\nx\r\n')), // chunks without end
    ...(await attack(url, 50, ask.repeat(20), '', false)), // no answer is ever read
    ...(await attack(url, 50, 'GET /livez HTTP/1.1\r\nhost: ingress\r\n\r\n')), // idle after an answer
  ]
  expect(slow).toHaveLength(500)

  await waitFor('the slow ones are gone', async () => (await connections(url)) <= before + 1, RARELY)
  const answers = await honest.stop()
  expect(answers.length).toBeGreaterThan(100)
  expect(new Set(answers)).toEqual(new Set([200]))
  expect(ingress.output()).not.toMatch(/"level":"(warn|error)"/)
})

test('more connections than there is room for cost the oldest silent ones their place, and no callback its own', async () => {
  const { ingress } = await startSystem({ workers: 0, ingress: { CALLBACK_HMAC_KEYS: KEY } })
  const honest = postSteadily(ingress.url)
  const finish = await beginWithToken(ingress.url)
  let silent: Socket[] = []
  let pushedOut: Socket[] = []
  await waitFor('room is made', async () => {
    // A hundred at a time: an honest sender in this process must get a word in edgeways.
    silent = []
    const toldWhy = new Set<Socket>() // those whose time was over; who has to make room is told nothing
    while (silent.length < 2300) {
      const newest = await attack(ingress.url, 100, '')
      for (const socket of newest) socket.on('data', () => toldWhy.add(socket))
      silent.push(...newest)
    }
    await waitFor('many are gone', () => silent.filter(({ destroyed }) => destroyed).length >= 300)
    pushedOut = silent.filter((socket) => socket.destroyed && !toldWhy.has(socket))
    return pushedOut.length > 0 // else their time was over before the last had come, on a busy machine: once more
  })
  expect(Math.max(...pushedOut.map((socket) => silent.indexOf(socket)))).toBeLessThan(400) // the oldest, none else
  expect(await finish()).toMatch(/^HTTP\/1\.1 200 /)
  expect(new Set(await honest.stop())).toEqual(new Set([200]))
})

test('bodies whose signature cannot be checked yet make room for newer ones; one with a token never has to', async () => {
  const { ingress } = await startSystem({ workers: 0, ingress: { CALLBACK_HMAC_KEYS: KEY } })
  const finish = await beginWithToken(ingress.url)
  const halves = await attack(
    ingress.url,
    300,
    head('/callbacks/separation', LONG, ...freshlySigned()) + 'x'.repeat(1000),
  )
  const toldWhy = new Set<Socket>()
  for (const socket of halves) socket.on('data', () => toldWhy.add(socket))
  await waitFor('room is made', () => halves.filter(({ destroyed }) => destroyed).length >= 100)
  expect(halves.filter((socket) => socket.destroyed && !toldWhy.has(socket)).length).toBeGreaterThan(0)

  expect(await finish()).toMatch(/^HTTP\/1\.1 200 /)
})

test('a callback of the full size over a slow and honest line is kept', async () => {
  const { ingress } = await startSystem({ workers: 0 })
  const callback = { ...documentedPayload('split-stem', { taskId: 'slow-line' }), filler: '' }
  const body = JSON.stringify({ ...callback, filler: 'x'.repeat(256 * 1024 - JSON.stringify(callback).length) })
  expect(body).toHaveLength(256 * 1024)

  const answered = new Promise<number | undefined>((resolve, reject) => {
    const sent = request(`${ingress.url}/callbacks/separation/${TOKEN}`, {
      method: 'POST',
      agent: new Agent(),
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    })
    sent.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
    // Sixteen parts in six seconds.
    for (let part = 0; part < 16; part++) {
      const [from, to] = [part, part + 1].map((n) => Math.ceil((body.length / 16) * n))
      setTimeout(() => sent.write(body.slice(from, to)), part * 400)
    }
    setTimeout(() => sent.end(), 16 * 400)
  })
  expect(await answered).toBe(200)
})
