import { createHmac, randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { expect, test } from 'vitest'
import { documentedPayload } from '../../../test/stand-in/payloads.ts'
import { problemSchema } from '../src/problem.ts'
import { KEY, startServer, TOKEN } from './server-under-test.ts'

type Answer = Awaited<ReturnType<Awaited<ReturnType<typeof startServer>>['post']>>

const CALLBACK = documentedPayload('split-stem')
const TASK_ID = CALLBACK.data.task_id
const NOW_S = () => Math.floor(Date.now() / 1000)

const signed = ({ taskId = TASK_ID, key = KEY, at = NOW_S() } = {}) => ({
  'x-webhook-timestamp': `${at}`,
  'x-webhook-signature': createHmac('sha256', key).update(`${taskId}.${at}`).digest('base64'),
})

const expectProblem = (answer: Answer, status: number, detail = /./) => {
  expect(answer.statusCode).toBe(status)
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json(;|$)/)
  const problem = problemSchema.strict().parse(answer.json())
  expect(problem).toMatchObject({ type: 'about:blank', title: STATUS_CODES[status], status })
  expect(problem.detail).toMatch(detail)
}

test('a documented callback is answered 200 and kept as a separation', async () => {
  const { post, kept } = await startServer()
  const answer = await post(CALLBACK)
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'accepted' }])
  expect(answer.headers['content-type']).toMatch(/^application\/json/)
  expect(kept.separations).toMatchObject([{ taskId: TASK_ID, type: 'split_stem', code: 200 }])
})

test.each([
  ['a token in the path', `/${TOKEN}`, {}],
  ['the other token in the path', '/next-token', {}],
  ['a token in the query', `?token=${TOKEN}`, {}],
  ['a signature', '', signed()],
  ['a signature besides a wrong token', '/wrong', signed()],
  ['a token besides a wrong signature', `/${TOKEN}`, signed({ key: 'stolen' })],
])('%s is proof enough', async (_what, path, headers) => {
  const { post } = await startServer()
  expect((await post(CALLBACK, headers, path)).statusCode).toBe(200)
})

test.each<[string, string, Record<string, string>]>([
  ['no proof', '', {}],
  ['a wrong token in the path', '/wrong', {}],
  ['a wrong token in the query', '?token=wrong', {}],
  ['an empty token', '?token=', {}],
  ['two tokens in the query', `?token=${TOKEN}&token=${TOKEN}`, {}],
  ['a signature by another key', '', signed({ key: 'stolen' })],
  ['a signature for another task', '', signed({ taskId: 'task-2' })],
  ['a signature that is too old', '', signed({ at: NOW_S() - 400 })],
  ['a signature from the future', '', signed({ at: NOW_S() + 400 })],
  ['a signature without a time', '', { 'x-webhook-signature': signed()['x-webhook-signature'] }],
  ['a time without a signature', '', { 'x-webhook-timestamp': `${NOW_S()}` }],
  ['garbage for a signature', '', { 'x-webhook-timestamp': `${NOW_S()}`, 'x-webhook-signature': 'ÿÿ' }],
])('%s is answered 401 in the same words as any other', async (_what, path, headers) => {
  const { post, kept } = await startServer()
  const answer = await post(CALLBACK, headers, path)
  expectProblem(answer, 401)
  expect(answer.json()).toEqual({
    type: 'about:blank',
    title: 'Unauthorized',
    status: 401,
    detail: 'The callback is not proven to come from the provider.',
  })
  expect(Object.keys(answer.headers).sort()).toEqual(['connection', 'content-length', 'content-type', 'date'])
  expect(kept).toMatchObject({ separations: [], quarantined: [] })
})

test('who proves nothing is told nothing of the body either', async () => {
  const { post } = await startServer()
  for (const payload of ['{', 'x'.repeat(300_000), '{"data":{}}']) {
    expectProblem(await post(payload, {}, '/wrong'), 401)
    expectProblem(await post(payload, { 'content-type': 'text/plain' }, ''), 401)
  }
})

test('where no proof is demanded none is needed, and a wrong one does no harm', async () => {
  const { post } = await startServer({ authRequired: false, tokens: [], hmacKeys: [] })
  for (const path of ['', '/anything', '?token=anything']) {
    expect((await post(CALLBACK, {}, path)).statusCode).toBe(200)
  }
})

test.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON'])(
  'the content type %s is read',
  async (type) => {
    const { post } = await startServer()
    expect((await post(CALLBACK, { 'content-type': type })).statusCode).toBe(200)
  },
)

test.each([
  ...['text/plain', 'text/html', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/xml'],
  ...['application/jsonp', 'text/json', 'garbage', undefined],
])('the content type %s is answered 415', async (type) => {
  const { post, kept } = await startServer()
  expectProblem(await post(CALLBACK, { 'content-type': type }), 415, /application\/json/)
  expect(kept.separations).toEqual([])
})

const bodyOf = (bytes: number) => {
  const body = JSON.stringify({ ...CALLBACK, filler: '' })
  return body.replace('"filler":""', `"filler":"${'x'.repeat(bytes - body.length)}"`)
}

test('a body of 256 KiB is read', async () => {
  const { post } = await startServer()
  expect((await post(bodyOf(256 * 1024))).statusCode).toBe(200)
})

test('a body of one byte more is answered 413', async () => {
  const { post, kept } = await startServer()
  expectProblem(await post(bodyOf(256 * 1024 + 1)), 413, /256 KiB/)
  expect(kept.separations).toEqual([])
})

test.each([
  ['empty', '', /empty/],
  ['cut short', '{"code":200,', /not JSON/],
  ['a form', 'code=200', /not JSON/],
  ['followed by more', '{}{}', /not JSON/],
  ['NaN', 'NaN', /not JSON/],
])('a body that is %s is answered 400', async (_what, payload, detail) => {
  const { post } = await startServer()
  expectProblem(await post(payload), 400, detail)
})

test.each([
  ...['null', '7', '"text"', '[]', '{}', '{"data":null}', '{"data":{"task_id":null}}', '{"data":{"task_id":""}}'],
  ...['{"data":{"task_id":7}}', '{"data":{"task_id":"../../etc"}}', '{"task_id":"task-1"}'],
  `{"data":{"task_id":"${'x'.repeat(129)}"}}`,
])('the body %s names no task: 400, with the field', async (payload) => {
  const { post, kept } = await startServer()
  const answer = await post(payload)
  expectProblem(answer, 400, /names no task/)
  expect(answer.json().errors).toEqual([{ field: 'data.task_id', message: expect.any(String) }])
  expect(kept).toMatchObject({ separations: [], quarantined: [] })
})

test('a shape that nobody knows is kept whole in quarantine and answered 200', async () => {
  const { post, kept } = await startServer()
  const payload = { code: 'new', data: { task_id: 'task-1', stems: [{ deep: null }] }, version: 9 }
  const answer = await post(payload)
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'quarantined' }])
  expect(kept.quarantined).toEqual([
    { taskId: 'task-1', payload, reason: expect.stringContaining('code: '), receivedAt: expect.any(String) },
  ])
  expect(kept.separations).toEqual([])
})

test.each(['{"code":200,"data":{"task_id":"task-1"}}', '{"code":"x","data":{"task_id":"task-1"}}'])(
  'a signature is for the task that is kept, in quarantine too: %s',
  async (payload) => {
    const { post, kept } = await startServer()
    expectProblem(await post(payload, signed({ taskId: 'task-2' }), ''), 401)
    expect((await post(payload, signed({ taskId: 'task-1' }), '')).json()).toEqual({ status: 'quarantined' })
    expect(kept.quarantined).toHaveLength(1)
  },
)

test('what can be kept nowhere is answered 503 with a time to come back, and nothing of the inside', async () => {
  const { post, kept } = await startServer({ fails: new Error('ECONNREFUSED 10.1.2.3:6379') })
  for (const payload of [CALLBACK, { data: { task_id: 'task-1' } }]) {
    const answer = await post(payload)
    expectProblem(answer, 503, /again/)
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
    expect(answer.body).not.toContain('10.1.2.3')
  }
  expect(kept.log.join('')).toContain('callback.not_kept')
})

test.each(['PUT', 'GET', 'DELETE'] as const)('%s is no way to send a callback', async (method) => {
  const { app } = await startServer()
  expectProblem(await app.inject({ method, url: `/callbacks/separation/${TOKEN}` }), 404)
})

test.each(['/', '/callbacks', '/callbacks/separation/a/b', '/callbacks/separations'])(
  'POST %s finds nothing, and the answer is a problem',
  async (url) => {
    const { app } = await startServer()
    expectProblem(await app.inject({ method: 'POST', url, payload: {} }), 404)
  },
)

test.each([
  ['that is badly encoded', '/%zz', 400],
  ['that is no UTF-8', '/%ff', 400],
  ['longer than any token', `/${'x'.repeat(600)}`, 414],
])('a token %s is refused with a problem', async (_what, path, status) => {
  const { post } = await startServer()
  expectProblem(await post(CALLBACK, {}, path), status)
})

test('the log tells task and answer of each callback, and never a secret', async () => {
  const { post, kept } = await startServer()
  await post(CALLBACK)
  await post(CALLBACK, {}, `?token=${TOKEN}`)
  await post(CALLBACK, signed(), '/a-wrong-secret')
  await post(CALLBACK, { 'content-type': 'text/plain' }, `/${TOKEN}`)
  await post('{', {}, `/${TOKEN}`)
  await post(CALLBACK, {}, `/${TOKEN}%zz`)
  await post(CALLBACK, {}, `/${TOKEN}/too-deep`)

  const lines = kept.log.join('')
  expect(lines.split('\n').filter((line) => line.includes('callback.answered'))).toHaveLength(3)
  expect(lines).toContain(TASK_ID)
  for (const secret of [TOKEN, KEY, 'a-wrong-secret', signed()['x-webhook-signature']])
    expect(lines).not.toContain(secret)
})

test('callbacks are counted by their answer', async () => {
  const { post, metrics } = await startServer()
  await post(CALLBACK)
  await post(CALLBACK)
  await post(CALLBACK, {}, '/wrong')
  await post({ data: { task_id: 'task-1' } })
  await post({})
  const text = await metrics.registry.metrics()
  for (const line of ['accepted"} 2', 'unauthorized"} 1', 'quarantined"} 1', 'bad_request"} 1']) {
    expect(text).toContain(`stemkeeper_callbacks_total{answer="${line}`)
  }
  expect(text).toMatch(/^stemkeeper_callback_answer_seconds_count 5$/m)
})

test('an answer that nobody has got yet is counted as none, so that an alert sees the first', async () => {
  const { metrics } = await startServer()
  const figures = (await metrics.registry.metrics()).match(/(?<=^stemkeeper_callbacks_total\{answer=")\w+(?="\} 0$)/gm)
  const kept = ['accepted', 'duplicate', 'spooled', 'quarantined']
  expect(figures).toEqual([...kept, 'bad_request', 'unauthorized', 'limited', 'unavailable', 'overloaded'])
})

test('a callback that bears the mark of a purchase tells it; one without, or with a false one, tells nothing', async () => {
  const { post, kept } = await startServer()
  const mark = `${'0a'.repeat(16)}.${randomUUID()}`
  for (const query of [`?purchase=${mark}`, '', '?purchase=nonsense', `?purchase=${mark}&purchase=${mark}`]) {
    expect(
      (await post(documentedPayload('separate-vocal', { taskId: 'task-1' }), {}, `/${TOKEN}${query}`)).statusCode,
    ).toBe(200)
  }
  expect(kept.settled).toEqual([{ mark, taskId: 'task-1' }])
})
