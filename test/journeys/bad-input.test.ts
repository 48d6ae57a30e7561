import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { postJson, signed } from '../support/post.ts'
import { startSystem, TOKEN } from '../support/system.ts'

const KEY = 'a-key-of-the-provider'
const now = () => Math.floor(Date.now() / 1000)

test('bad input gets its documented answer, takes nothing down, and leaves nothing behind', async () => {
  const { post, provider, queue, files, ingress, workers } = await startSystem({ ingress: { CALLBACK_HMAC_KEYS: KEY } })
  const good = documentedPayload('separate-vocal', { files: provider.url, taskId: 'good' })
  const withTaskId = (task_id: unknown) => ({ ...good, data: { ...good.data, task_id } })
  const unproven = { path: '/callbacks/separation' }

  const cases: [string, number, unknown, Parameters<typeof post>[1]][] = [
    ['no JSON', 400, '{"code":200,', {}],
    ['empty', 400, '', {}],
    ['a list', 400, [], {}],
    ['null', 400, 'null', {}],
    ['a poisoned prototype', 400, '{"__proto__":{"x":1},"data":{"task_id":"good"}}', {}],
    ['too large', 413, { ...good, msg: 'x'.repeat(256 * 1024) }, {}],
    ['text', 415, good, { headers: { 'content-type': 'text/plain' } }],
    ['a form', 415, 'a=b', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['no proof', 401, good, unproven],
    ['a wrong token', 401, good, { path: '/callbacks/separation/wrong' }],
    ['a wrong token in the query', 401, good, { path: '/callbacks/separation?token=wrong' }],
    ['a wrong signature', 401, good, { ...unproven, headers: signed('good', 'another key') }],
    ['the signature of another task', 401, good, { ...unproven, headers: signed('other', KEY) }],
    ['too old', 401, good, { ...unproven, headers: signed('good', KEY, now() - 310) }],
    ['from the future', 401, good, { ...unproven, headers: signed('good', KEY, now() + 310) }],
    ['no task id', 400, withTaskId(undefined), {}],
    ['a number for a task id', 400, withTaskId(17), {}],
    ['an empty task id', 400, withTaskId(''), {}],
    ['a path for a task id', 400, withTaskId('../../etc'), {}],
    ['a task id too long', 400, withTaskId('x'.repeat(129)), {}],
  ]
  for (const [name, status, body, options] of cases) {
    const answer = await post(body, options)
    expect(answer, name).toMatchObject({
      status,
      body: { status, title: expect.any(String), detail: expect.any(String) },
    })
  }

  expect(await queue('separations').getJobCountByTypes()).toBe(0)
  expect(await queue('quarantine').getJobCountByTypes()).toBe(0)
  expect(await files()).toEqual([])
  expect(await post(good)).toMatchObject({ status: 200, body: { status: 'accepted' } })
  expect([ingress, ...workers].map((app) => app.process.exitCode)).toEqual([null, null])
})

test('errors are application/problem+json, name the bad field, and tell the three 401 apart to nobody', async () => {
  const { ingress } = await startSystem({ workers: 0, ingress: { CALLBACK_HMAC_KEYS: KEY } })
  const body = { data: { task_id: 'a/b' } }

  const bad = await postJson(`${ingress.url}/callbacks/separation/${TOKEN}`, body)
  expect(bad.headers.get('content-type')).toMatch('application/problem+json')
  expect(bad.body.errors).toEqual([{ field: 'data.task_id', message: expect.stringContaining('1 to 128 characters') }])

  const good = { data: { task_id: 'good' } }
  const answers = await Promise.all([
    postJson(`${ingress.url}/callbacks/separation`, good),
    postJson(`${ingress.url}/callbacks/separation/wrong`, good),
    postJson(`${ingress.url}/callbacks/separation`, good, signed('good', 'another key')),
    postJson(`${ingress.url}/callbacks/separation`, good, signed('good', KEY, now() - 400)),
  ])
  for (const answer of answers) {
    expect(answer.status).toBe(401)
    expect(answer.headers.get('content-type')).toMatch('application/problem+json')
    expect(answer.body).toEqual(answers[0]?.body)
  }
})

test('one valid proof is enough: any token, in path or query, or a signature by any key', async () => {
  const { post } = await startSystem({
    workers: 0,
    ingress: { CALLBACK_TOKENS: `old-token, ${TOKEN}`, CALLBACK_HMAC_KEYS: `old-key,${KEY}` },
  })
  const callback = (taskId: string) => documentedPayload('separate-vocal', { taskId })
  const unsigned = '/callbacks/separation'

  const answers = [
    await post(callback('a'), { path: `${unsigned}/${TOKEN}` }),
    await post(callback('b'), { path: `${unsigned}/old-token` }),
    await post(callback('c'), { path: `${unsigned}?token=${TOKEN}` }),
    await post(callback('d'), { path: unsigned, headers: signed('d', KEY) }),
    await post(callback('e'), { path: unsigned, headers: signed('e', 'old-key') }),
    await post(callback('f'), { path: unsigned, headers: signed('f', KEY, now() - 290) }),
    await post(callback('g'), { path: unsigned, headers: signed('g', KEY, now() + 290) }),
    await post(callback('h'), { path: `${unsigned}/wrong`, headers: signed('h', KEY) }),
  ]
  for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })
})

test('a verified payload of a shape that nobody knows is kept whole, once, and answered 200', async () => {
  const { post, queue, files } = await startSystem()
  const noUrl = documentedPayload('separate-vocal', { taskId: 'no-url' })
  noUrl.data.vocal_separation_info = { vocal_url: 'no url at all' }
  const strange = { code: 200, msg: 'ok', data: { task_id: 'strange', stems_v9: [{ at: 'https://example.org/x' }] } }

  for (const body of [noUrl, strange, strange]) {
    expect(await post(body)).toMatchObject({ status: 200, body: { status: 'quarantined' } })
  }

  const kept = await queue('quarantine').getWaiting()
  expect(kept.map((job) => job.data.payload)).toEqual(expect.arrayContaining([noUrl, strange]))
  expect(kept).toHaveLength(2)
  expect(kept.find((job) => job.data.taskId === 'no-url')?.data.reason).toContain('vocal_url')
  expect(await files()).toEqual([])
})
