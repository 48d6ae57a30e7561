import type { RequestListener } from 'node:http'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createHostAsk, type HostAskOptions, type Question } from '../src/host-ask.ts'
import { startFarSide } from './far-sides.ts'

const startAsk = async (answer: RequestListener, limits: Partial<HostAskOptions> = {}) => {
  const far = await startFarSide(answer)
  const url = `http://127.0.0.1:${far.port}`
  const options = { url, allowPrivate: true, setting: 'PROVIDER_API_URL', maxBytes: 1000, timeoutMs: 20_000 }
  const ask = createHostAsk({ ...options, ...limits })
  const question = (more: Partial<Question> & { path?: string } = {}): Question => ({
    method: 'GET',
    url: new URL(`${url}${more.path ?? '/details'}?taskId=hunter2`),
    headers: { authorization: 'Bearer hunter3' },
    ...more,
  })
  return { far, ask, question }
}

/** All that an error holds, as a careless log would show it. */
const heldBy = (error: unknown): string => inspect(error, { depth: 20, showHidden: true })

const secretsOf = async (asking: Promise<unknown>): Promise<string[]> => {
  const held = heldBy(
    await asking.then(
      () => 'it succeeded',
      (error) => error,
    ),
  )
  expect(held).toContain('127.0.0.1')
  return held.match(/hunter\d/g) ?? []
}

test('a question is answered with status, headers and text, and its authorization arrives', async () => {
  const seen: unknown[] = []
  const { ask, question } = await startAsk((request, response) => {
    seen.push([request.method, request.url, request.headers.authorization])
    response.writeHead(429, { 'retry-after': '7' }).end('{"code":429,"msg":"✓"}')
  })
  expect(await ask(question())).toMatchObject({
    status: 429,
    headers: { 'retry-after': '7' },
    text: '{"code":429,"msg":"✓"}',
  })
  expect(seen).toEqual([['GET', '/details?taskId=hunter2', 'Bearer hunter3']])
})

test('what is posted arrives as it is', async () => {
  const { ask, question } = await startAsk((request, response) => request.pipe(response))
  const body = '{"url":"https://cdn1.suno.ai/ü.mp3"}'
  expect(await ask(question({ method: 'POST', body }))).toMatchObject({ status: 200, text: body })
})

test('a character that two pieces share is not torn', async () => {
  const { ask, question } = await startAsk((_request, response) => {
    const [first, ...rest] = Buffer.from('é')
    response.write(Buffer.from([first as number]), () => response.end(Buffer.from(rest)))
  })
  expect(await ask(question())).toMatchObject({ text: 'é' })
})

test.each([301, 302, 303, 307, 308])('a redirect is not followed but told of: status %i', async (status) => {
  const elsewhere = await startFarSide((_request, response) => response.end())
  const { ask, question, far } = await startAsk((_request, response) => {
    response.writeHead(status, { location: `http://127.0.0.1:${elsewhere.port}/` }).end()
  })
  expect(await ask(question())).toMatchObject({ status })
  expect([far.paths.length, elsewhere.connections()]).toEqual([1, 0])
})

test('a reply as large as the cap is taken; a larger one is given up while it comes', async () => {
  const { ask, question } = await startAsk((request, response) => {
    if (request.url?.startsWith('/fits')) return response.end('x'.repeat(1000))
    response.on('error', () => {})
    const pour = () => response.write('x'.repeat(1000), (error) => error ?? setImmediate(pour))
    pour() // for ever
  })
  expect((await ask(question({ path: '/fits' }))).text).toHaveLength(1000)
  await expect(ask(question())).rejects.toMatchObject({ kind: 'too_large', host: expect.stringContaining('127.0.0.1') })
})

const drip: RequestListener = (_request, response) => {
  const timer = setInterval(() => response.write('.'), 20) // never silent for long, never done
  response.on('close', () => clearInterval(timer))
}

test('a reply that never ends is given up in time, and its connection let go', async () => {
  let gone = false
  const { ask, question } = await startAsk(
    (request, response) => {
      response.on('close', () => {
        gone = true
      })
      drip(request, response)
    },
    { timeoutMs: 300, maxBytes: 1_000_000 },
  )
  await expect(ask(question())).rejects.toMatchObject({ kind: 'slow' })
  await waitFor('the connection is closed', () => gone)
})

test('what is not allowed is not asked, and the setting is named', async () => {
  const { ask, question, far } = await startAsk((_request, response) => response.end())
  const url = new URL(`http://localhost:${far.port}/`)
  await expect(ask(question({ url }))).rejects.toMatchObject({
    code: 'blocked',
    reason: 'host',
    message: expect.stringContaining('PROVIDER_API_URL'),
  })
  expect(far.connections()).toBe(0)
})

test.each<[string, string, RequestListener]>([
  [
    'cut',
    'cut',
    (_request, response) => response.writeHead(200, { 'content-length': '9' }).write('x', () => response.destroy()),
  ],
  ['cut before its head', 'unreachable', (_request, response) => response.destroy()],
  ['never ends', 'slow', drip],
  ['is too large', 'too_large', (_request, response) => response.end('x'.repeat(2000))],
  ['is no HTTP', 'unreachable', ({ socket }) => socket.end('hello\r\n\r\n')],
])('a reply that %s fails by name, and its error holds no secret of the question', async (_how, kind, answer) => {
  const { ask, question } = await startAsk(answer, { timeoutMs: kind === 'slow' ? 300 : 20_000 })
  const asking = ask(question({ method: 'POST', body: 'hunter4' }))
  await expect(asking).rejects.toMatchObject({ name: 'RequestFailure', kind })
  expect(await secretsOf(asking)).toEqual([])
})

test('a question that cannot be sent fails without its secrets', async () => {
  const { ask, question, far } = await startAsk(() => {})
  expect(await secretsOf(ask(question({ headers: { authorization: 'Bearer\nhunter3' } })))).toEqual([])
  expect(await secretsOf(ask(question({ url: new URL('http://127.0.0.1:1/?key=hunter2') })))).toEqual([])
  expect(far.paths).toEqual([])
})
