import { expect, test } from 'vitest'
import { ProviderApiError } from '../src/api-error.ts'
import type { Ask } from '../src/api-request.ts'
import { parseCallback } from '../src/callback.ts'
import { createProviderApi } from '../src/provider-api.ts'
import { separationOfRecord } from '../src/record-info.ts'

const AT = '2026-01-01T00:00:00.000Z'

/** What the provider's page shows, under «Get vocal separation details». */
const documented = (change: object = {}, response: object = {}) => ({
  code: 200,
  msg: 'success',
  data: {
    taskId: 'task-1',
    musicId: 'm',
    callbackUrl: 'https://me.example/callbacks/separation/token',
    musicIndex: 0,
    completeTime: 1753782937000,
    response: {
      id: null,
      originUrl: null,
      originData: [
        { duration: 245.6, audio_url: 'https://far.side/lead.mp3', stem_type_group_name: 'Lead Vocal', id: 'x' },
      ],
      instrumentalUrl: 'https://far.side/i.mp3',
      vocalUrl: 'https://far.side/v.mp3',
      backingVocalsUrl: 'https://far.side/b.mp3',
      drumsUrl: null,
      pianoUrl: '',
      ...response,
    },
    successFlag: 'SUCCESS',
    errorCode: null,
    errorMessage: null,
    ...change,
  },
})

const read = (answer: unknown, status = 200) => {
  const asked: Parameters<Ask>[0][] = []
  const ask: Ask = async (request) => {
    asked.push(request)
    return { status, text: typeof answer === 'string' ? answer : JSON.stringify(answer) }
  }
  const { readRecord } = createProviderApi({ provider: 'kie', apiUrl: 'https://api.kie.ai', apiKey: 'hunter2', ask })
  return { record: readRecord('task-1'), asked }
}

test('the documented question is asked, the key in its header and nowhere else', async () => {
  const { record, asked } = read(documented())
  await record
  expect(asked).toMatchObject([{ method: 'GET', headers: { authorization: 'Bearer hunter2' } }])
  expect(asked[0]?.url.href).toBe('https://api.kie.ai/api/v1/vocal-removal/record-info?taskId=task-1')
})

test('a record that is done names its links by the stems of our callbacks', async () => {
  expect(await read(documented()).record).toEqual({
    state: 'done',
    type: 'split_stem',
    links: [
      { stem: 'instrumental', url: 'https://far.side/i.mp3' },
      { stem: 'vocal', url: 'https://far.side/v.mp3' },
      { stem: 'backing_vocals', url: 'https://far.side/b.mp3' },
      { stem: 'lead_vocal', url: 'https://far.side/lead.mp3' },
    ],
  })
})

test('a callback that the provider could not deliver is done nevertheless', async () => {
  expect(await read(documented({ successFlag: 'CALLBACK_EXCEPTION' })).record).toMatchObject({ state: 'done' })
})

test.each([
  ['pending', documented({ successFlag: 'PENDING', response: null }), { state: 'pending' }],
  [
    'failed with a reason',
    documented({ successFlag: 'GENERATE_AUDIO_FAILED', response: null, errorMessage: 'too long' }),
    { state: 'failed', reason: 'too long' },
  ],
  [
    'failed without one',
    documented({ successFlag: 'CREATE_TASK_FAILED', response: null }),
    { state: 'failed', reason: 'CREATE_TASK_FAILED' },
  ],
  ['done, they say, without a link', documented({ response: { vocalUrl: null } }), { state: 'pending' }],
  ['unknown, by data null', { code: 200, msg: 'success', data: null }, { state: 'unknown' }],
  ['unknown, by a code in the body', { code: 422, msg: 'no such task', data: null }, { state: 'unknown' }],
])('a task that is %s is read as such', async (_what, answer, expected) => {
  expect(await read(answer).record).toEqual(expected)
})

test('a task that is unknown by its HTTP status is read as such', async () => {
  expect(await read({ code: 404, msg: 'not found', data: null }, 404).record).toEqual({ state: 'unknown' })
})

test.each([
  ['a bad key as a code', { code: 401, msg: 'unauthorized' }, 200, 'never'],
  ['a bad key as a status', 'no', 401, 'never'],
  ['too many requests', { code: 429, msg: 'slow down' }, 200, 'later'],
  ['maintenance', { code: 455, msg: 'maintenance' }, 200, 'later'],
  ['an error page with status 200', '<html>hello</html>', 200, 'later'],
  ['a 404 of something that is not the API', '<html>not found</html>', 404, 'later'],
  ['JSON of another shape', { hello: 'world' }, 200, 'later'],
  ['a broken server', 'oops', 502, 'later'],
  ['another task', documented({ taskId: 'task-2' }), 200, 'later'],
])('%s is an error that says whether asking again can help', async (_what, answer, status, verdict) => {
  const error = await read(answer, status).record.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ProviderApiError)
  expect(error).toMatchObject({ verdict })
  expect((error as Error).message).not.toContain('hunter2')
})

test('the halves of a group are read as in a callback', async () => {
  const half = (name: string) => ({ audio_url: `https://far.side/${name}.mp3`, stem_type_group_name: 'Lead Vocal' })
  const originData = [{ extract: half('with'), remove: half('without') }]
  expect(await read(documented({ response: { originData } })).record).toEqual({
    state: 'done',
    links: [
      { stem: 'lead_vocal', url: 'https://far.side/with.mp3' },
      { stem: 'lead_vocal_removed', url: 'https://far.side/without.mp3' },
    ],
  })
})

test('the reason of a failure is short, and no link in it keeps its secrets', async () => {
  const errorMessage = `see https://far.side/?k=hunter2 ${'x'.repeat(10_000)}`
  const record = await read(documented({ successFlag: 'GENERATE_AUDIO_FAILED', response: null, errorMessage })).record
  expect(JSON.stringify(record)).not.toContain('hunter2')
  expect(JSON.stringify(record).length).toBeLessThan(300)
})

test.each([
  ['numbers', 1753782854000],
  ['texts', '2025-07-29 10:00:00'],
  ['ISO texts', '2025-07-29T10:00:00.000Z'],
  ['nothing', null],
  ['nonsense', { at: [] }],
])('times as %s stand in nobody’s way', async (_what, time) => {
  const times = { createTime: time, completeTime: time, musicIndex: '0', musicId: 7 }
  expect(await read(documented(times)).record).toMatchObject({ state: 'done' })
})

test.each([
  ['no file of it exists', { successFlag: 'CALLBACK_EXCEPTION' }, { reason: /could not deliver .* holds no file/ }],
  ['a code of the provider', { successFlag: 'GENERATE_AUDIO_FAILED', errorCode: 531 }, { code: 531 }],
  ['a code as a text', { successFlag: 'GENERATE_AUDIO_FAILED', errorCode: '451' }, { code: 451 }],
  ['an undocumented flag of failure', { successFlag: 'SENSITIVE_WORD_ERROR' }, { reason: /SENSITIVE_WORD_ERROR/ }],
])('a failure with %s says so', async (_what, change, { reason, code }: { reason?: RegExp; code?: number }) => {
  const record = await read(documented({ response: null, ...change })).record
  expect(record).toMatchObject({ state: 'failed', ...(code ? { code } : {}) })
  if (reason) expect(record).toMatchObject({ reason: expect.stringMatching(reason) })
})

test.each(['RUNNING', 'FIRST_SUCCESS', '', 0, 1, null])(
  'a task with the flag %j and no link is pending',
  async (flag) => {
    expect(await read(documented({ successFlag: flag, response: null })).record).toEqual({ state: 'pending' })
  },
)

test.each([
  [{ vocalUrl: 'https://far.side/v.mp3', instrumentalUrl: 'https://far.side/i.mp3' }, 'separate_vocal'],
  [{ vocalUrl: 'https://far.side/v.mp3', drumsUrl: 'https://far.side/d.mp3' }, 'split_stem'],
  [{ vocalUrl: 'https://far.side/v.mp3' }, undefined],
])('the links tell the type', async (links, type) => {
  const empty = { instrumentalUrl: null, drumsUrl: null, bassUrl: null }
  const record = await read(documented({ response: { ...empty, ...links } })).record
  expect(record).toMatchObject({ state: 'done' })
  expect((record as { type?: string }).type).toBe(type)
})

const link = (name: string) => `https://far.side/${name}.mp3`
const entry = (title: string, name: string) => ({ stem_type_group_name: title, audio_url: link(name) })

test.each<[string, object, object]>([
  [
    'keyed',
    { origin_url: '', vocal_url: link('v'), backing_vocals_url: link('b'), fx_url: null, sitar_two_url: link('s') },
    { originUrl: null, vocalUrl: link('v'), backingVocalsUrl: link('b'), fxUrl: null, sitarTwoUrl: link('s') },
  ],
  [
    'listed, two of one name, beside keys without a link',
    { origin_data: [entry('Drums', 'd1'), entry('Drums', 'd2'), entry('Lead Vocal', 'l v')] },
    {
      drumsUrl: null,
      vocalUrl: '',
      originData: [entry('Drums', 'd1'), entry('Drums', 'd2'), entry('Lead Vocal', 'l v')],
    },
  ],
  [
    'in groups',
    { origin_data: [{ extract: entry('Lead Vocal', 'e'), remove: entry('Lead Vocal', 'r') }] },
    { originData: [{ extract: entry('Lead Vocal', 'e'), remove: entry('Lead Vocal', 'r') }] },
  ],
  [
    'listed beside a key of the same name without a link',
    { drums_url: null, origin_data: [entry('Drums', 'd')] },
    { drumsUrl: null, originData: [entry('Drums', 'd')] },
  ],
])('a record names the stems as the callback does: %s', async (_what, info, response) => {
  const body = { code: 200, msg: '', data: { task_id: 'task-1', vocal_removal_info: info } }
  const callback = parseCallback(body, AT)
  const { record } = read({ code: 200, data: { taskId: 'task-1', response, successFlag: 'SUCCESS' } })
  const separation = separationOfRecord('task-1', await record, AT)
  expect(separation?.stems.length).toBeGreaterThan(0)
  expect(separation?.stems).toEqual(callback.stems.filter(({ url }) => url !== null))
  expect(['unknown', callback.type]).toContain(separation?.type) // a record has every key, so that only links tell
})

test('what a record says is what a callback would have said', () => {
  const failed = { state: 'failed', reason: 'too long' } as const
  expect(separationOfRecord('task-1', failed, AT)).toEqual({
    taskId: 'task-1',
    type: 'unknown',
    code: 500,
    msg: 'too long',
    receivedAt: AT,
    stems: [],
  })
  expect(separationOfRecord('task-1', { ...failed, code: 531 }, AT)).toMatchObject({ code: 531 })
  expect(separationOfRecord('task-1', { state: 'pending' }, AT)).toBeUndefined()
  expect(separationOfRecord('task-1', { state: 'unknown' }, AT)).toBeUndefined()
})

test('a record that names more stems than any separation has is not believed', async () => {
  const originData = Array.from({ length: 201 }, (_, n) => entry(`Stem ${n}`, `${n}`))
  await expect(read(documented({ response: { originData } })).record).rejects.toMatchObject({ problem: 'unreadable' })
})

test('entries of a list that cannot be read do not cost those that can', async () => {
  const originData = [null, 7, 'x', { audio_url: 7 }, { audio_url: 'no link' }, entry('Drums', 'd')]
  const record = await read(documented({ response: { originData } })).record
  expect((record as { links: unknown[] }).links).toContainEqual({ stem: 'drums', url: link('d') })
})
