import { expect, test } from 'vitest'
import { type Ask, createRecordInfo, ProviderApiError } from '../src/record-info.ts'

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
  const readRecord = createRecordInfo({ apiUrl: 'https://api.kie.ai', apiKey: 'hunter2', ask })
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
