import { expect, test } from 'vitest'
import { type ApiProblem, ProviderApiError } from '../src/api-error.ts'
import type { Ask } from '../src/api-request.ts'
import { createProviderApi } from '../src/provider-api.ts'
import { type ProviderName, providerOf } from '../src/provider-name.ts'
import type { OrderRequest } from '../src/purchase.ts'

const ORDER: OrderRequest = {
  sourceTaskId: 'song-1',
  audioId: 'audio-1',
  type: 'split_stem',
  callBackUrl: 'https://me.example/callbacks/separation/hunter2',
}

type Answer = { status?: number; body: unknown; headers?: { 'retry-after'?: string } }

/** The API of a provider that always answers the same. */
const answering = ({ status = 200, body, headers = {} }: Answer, provider: ProviderName = 'kie') => {
  const asked: Parameters<Ask>[0][] = []
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const api = createProviderApi({
    provider,
    apiUrl: 'https://api.example/base/',
    apiKey: 'hunter3',
    ask: async (request) => {
      asked.push(request)
      return { status, text, headers }
    },
  })
  return { ...api, asked }
}

const failing = (error: Error) =>
  createProviderApi({
    provider: 'kie',
    apiUrl: 'https://api.example',
    apiKey: 'hunter3',
    ask: async () => {
      throw error
    },
  })

const thrownBy = async (asking: Promise<unknown>): Promise<Error> =>
  asking.then(
    (value) => new Error(`it answered ${JSON.stringify(value)}`),
    (error: Error) => error,
  )

test.each([
  ['https://api.kie.ai', 'kie'],
  ['https://api.sunoapi.org/', 'sunoapi'],
  ['https://sunoapi.org:8443/base', 'sunoapi'],
  ['https://API.SUNOAPI.ORG.', 'sunoapi'],
  ['https://notsunoapi.org', 'kie'],
  ['https://sunoapi.org.evil.example', 'kie'],
  ['http://127.0.0.1:3000', 'kie'],
])('the API at %s is that of %s', (url, provider) => {
  expect(providerOf(url)).toBe(provider)
})

test.each<[ProviderName, number, ApiProblem, 'never' | 'later']>([
  ['kie', 401, 'bad_key', 'never'],
  ['kie', 402, 'no_credits', 'never'],
  ['kie', 405, 'refused', 'never'],
  ['kie', 429, 'rate_limited', 'later'],
  ['kie', 430, 'rate_limited', 'later'],
  ['kie', 455, 'maintenance', 'later'],
  ['kie', 500, 'unavailable', 'later'],
  ['sunoapi', 401, 'bad_key', 'never'],
  ['sunoapi', 405, 'rate_limited', 'later'],
  ['sunoapi', 429, 'no_credits', 'never'],
  ['sunoapi', 430, 'rate_limited', 'later'],
  ['sunoapi', 455, 'maintenance', 'later'],
  ['sunoapi', 500, 'unavailable', 'later'],
])('%s means by %i: %s, as a status and as a code in the body', async (provider, code, problem, verdict) => {
  const body = { code, msg: 'no', data: null }
  for (const answer of [{ body }, { status: code, body }]) {
    const api = answering(answer, provider)
    expect(await thrownBy(api.readRecord('task-1'))).toMatchObject({ problem, verdict })
    if (provider === 'kie' && problem !== 'refused') {
      expect(await thrownBy(api.freshLink('https://far.side/x.mp3'))).toMatchObject({ problem, verdict })
    }
    // The money may have been taken before the trouble came.
    if (code === 500) expect(await api.buy(ORDER)).toMatchObject({ kind: 'maybe' })
    else expect(await thrownBy(api.buy(ORDER))).toMatchObject({ problem, verdict })
  }
})

test.each<[number, ApiProblem]>([
  [403, 'unreadable'],
  [404, 'unreadable'],
  [429, 'rate_limited'],
  [200, 'unreadable'],
  [502, 'unavailable'],
])('a page with status %i from somebody in front of the API says nothing of the key: %s', async (status, problem) => {
  const { readRecord } = answering({ status, body: '<html>Attention Required!</html>' }, 'sunoapi')
  expect(await thrownBy(readRecord('task-1'))).toMatchObject({ problem, verdict: 'later' })
})

test.each([
  ['7', 7000],
  [undefined, undefined],
  ['soon', undefined],
])('Retry-After %j is kept', async (header, retryAfterMs) => {
  const headers = header === undefined ? {} : { 'retry-after': header }
  const { readRecord } = answering({ status: 429, body: { code: 429 }, headers })
  expect(await thrownBy(readRecord('task-1'))).toMatchObject({ retryAfterMs })
})

test('the words of the provider are told, and no secret that it repeats', async () => {
  const msg = `bad ${ORDER.callBackUrl} for hunter3, see https://help.example/?k=hunter4`
  const { message } = await thrownBy(answering({ body: { code: 400, msg } }).buy(ORDER))
  expect(message).toContain('https://help.example/')
  expect(message).not.toMatch(/hunter/)
})

test('an order is sent as documented, and answered with the id of its task', async () => {
  const { buy, asked } = answering({ body: { code: 200, msg: 'success', data: { taskId: 'task-1' } } })
  expect(await buy({ ...ORDER, stemName: 'Drums' })).toEqual({ kind: 'bought', taskId: 'task-1' })
  expect(asked.map(({ url }) => url.href)).toEqual(['https://api.example/base/api/v1/vocal-removal/generate'])
  expect(asked[0]).toMatchObject({
    method: 'POST',
    headers: { authorization: 'Bearer hunter3', 'content-type': 'application/json' },
  })
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({
    taskId: 'song-1',
    audioId: 'audio-1',
    type: 'split_stem',
    stemName: 'Drums',
    callBackUrl: ORDER.callBackUrl,
  })
})

test.each<[string, Answer]>([
  ['a success that names no task', { body: { code: 200, data: null } }],
  ['a success with an id that is none', { body: { code: 200, data: { taskId: '../etc' } } }],
  ['a page with status 200', { body: '<html>hello</html>' }],
  ['a broken server', { status: 500, body: { code: 500, msg: 'oops' } }],
  ['a gateway that did not wait', { status: 504, body: 'gateway timeout' }],
  ['a time-out', { status: 408, body: 'timeout' }],
  ['a redirect', { status: 302, body: '' }],
])('%s leaves open whether it was bought', async (_what, answer) => {
  const outcome = await answering(answer).buy(ORDER)
  expect(outcome).toEqual({ kind: 'maybe', why: expect.stringMatching(/may have been bought/) })
  expect(JSON.stringify(outcome)).not.toMatch(/hunter/)
})

test('whether an order that was not answered may have been bought, the failure itself tells', async () => {
  const failure = (isUnsent: boolean) => Object.assign(new Error('api.example broke off (ECONNRESET).'), { isUnsent })
  for (const error of [failure(false), new Error('who knows')]) {
    expect(await failing(error).buy(ORDER)).toMatchObject({ kind: 'maybe' })
  }
  const unsent = await thrownBy(failing(failure(true)).buy(ORDER))
  expect(unsent).toMatchObject({ name: 'ProviderApiError', problem: 'unavailable', verdict: 'later' })
  expect(unsent.message).toMatch(/^nothing was bought: /)
  const kept = new ProviderApiError('bad_key', 'the key was refused before')
  expect(await thrownBy(failing(kept).buy(ORDER))).toBe(kept)
})

test('kie.ai signs a link anew; raw spaces are encoded', async () => {
  const { freshLink, asked } = answering({ body: { code: 200, data: 'https://far.side/a b.mp3?Expires=2' } })
  expect(await freshLink('https://far.side/a.mp3')).toBe('https://far.side/a%20b.mp3?Expires=2')
  expect(asked[0]?.url.pathname).toBe('/base/api/v1/common/download-url')
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ url: 'https://far.side/a.mp3' })
})

test.each<[string, Answer]>([
  ['a foreign URL', { body: { code: 422, msg: 'not our file' } }],
  ['a foreign URL, by its status', { status: 422, body: { code: 422 } }],
  ['a file that is not there', { body: { code: 404, msg: 'not found' } }],
  ['no link', { body: { code: 200, data: null } }],
])('%s has no fresh link', async (_what, answer) => {
  expect(await answering(answer).freshLink('https://far.side/a.mp3')).toBeUndefined()
})

test('an answer that is no link is not taken for one', async () => {
  for (const data of ['hello', 7, { url: 'https://far.side/x' }]) {
    const { freshLink } = answering({ body: { code: 200, data } })
    expect(await thrownBy(freshLink('https://far.side/a.mp3'))).toMatchObject({ problem: 'unreadable' })
  }
})

test('sunoapi.org signs no links, and is not asked', async () => {
  const { freshLink, asked } = answering({ body: {} }, 'sunoapi')
  expect(await freshLink('https://far.side/a.mp3')).toBeUndefined()
  expect(asked).toEqual([])
})
