import { separationSchema } from '@stems/domain/separation'
import { expect, test } from 'vitest'
import { documentedPayload, stemLinks } from '../../../test/stand-in/payloads.ts'
import { parseCallback, readTaskId, UnknownShapeError, UnreadableTaskIdError } from '../src/callback.ts'

const AT = '2026-01-01T00:00:00.000Z'
const FAR = 'https://file.aiquickdraw.com/s'
const callback = (info: unknown, change: { code?: unknown; msg?: unknown; key?: string } = {}) => ({
  code: change.code ?? 200,
  msg: change.msg ?? 'done',
  data: { task_id: 'task-1', [change.key ?? 'vocal_separation_info']: info },
})
const linksOf = (body: unknown) =>
  Object.fromEntries(parseCallback(body, AT).stems.map(({ name, url }) => [name, url] as const))

test.each([
  ['separate-vocal', 'separate_vocal', 3],
  ['split-stem', 'split_stem', 13],
] as const)('the documented %s callback names every stem with its link', (name, type, count) => {
  const body = documentedPayload(name)
  const separation = parseCallback(body, AT)

  expect(separation).toMatchObject({ taskId: body.data.task_id, type, code: 200, msg: body.msg, receivedAt: AT })
  expect(separation.stems).toHaveLength(count)
  expect(linksOf(body)).toEqual({ ...stemLinks(body), origin: null })
  expect(separationSchema.parse(separation)).toEqual(separation)
})

test.each(['separate-vocal', 'split-stem'] as const)(
  'the other documented info key of the %s callback says the same',
  (name) => {
    const body = documentedPayload(name)
    const { vocal_separation_info, ...rest } = body.data
    const sister = { ...body, data: { ...rest, vocal_removal_info: vocal_separation_info } }
    expect(parseCallback(sister, AT)).toEqual(parseCallback(body, AT))
  },
)

test.each(['separate-vocal-failed', 'split-stem-failed'] as const)(
  'the documented %s callback is a separation without stems that keeps code and words',
  (name) => {
    const body = documentedPayload(name)
    expect(parseCallback(body, AT)).toEqual({
      taskId: body.data.task_id,
      type: 'unknown',
      code: 500,
      msg: body.msg,
      receivedAt: AT,
      stems: [],
    })
  },
)

test.each([400, 408, 413, 451, 501, 531, 0, -1, 99_999])('the failure code %i is kept', (code) => {
  expect(parseCallback(callback(null, { code }), AT)).toMatchObject({ code, stems: [] })
})

test('a failure may leave the info out altogether', () => {
  expect(parseCallback({ code: 500, msg: 'failed', data: { task_id: 'task-1' } }, AT).stems).toEqual([])
})

test.each([
  ['200', 200],
  ['531', 531],
])('the code %j as text is the number', (code, number) => {
  expect(parseCallback(callback({ vocal_url: `${FAR}/v.mp3` }, { code }), AT).code).toBe(number)
})

test.each([null, undefined, ''])('the message may be %j', (msg) => {
  expect(parseCallback({ ...callback({ vocal_url: `${FAR}/v.mp3` }), msg }, AT).msg).toBe('')
})

test.each(['', null, '  '])('a link that is %j is a stem without a link', (link) => {
  expect(linksOf(callback({ vocal_url: `${FAR}/v.mp3`, drums_url: link }))).toEqual({
    vocal: `${FAR}/v.mp3`,
    drums: null,
  })
})

test('a stem that the payload does not name is not named', () => {
  expect(Object.keys(linksOf(callback({ vocal_url: `${FAR}/v.mp3` })))).toEqual(['vocal'])
})

test('an unknown stem is kept under its own name, and other unknown fields are no stems', () => {
  const info = { piano_url: `${FAR}/p.mp3`, id: 'x', duration: 3, url: 'no', audio_urls: [], origin_data: null }
  expect(linksOf(callback(info))).toEqual({ piano: `${FAR}/p.mp3` })
})

test('two keys that differ by case are two stems', () => {
  const links = linksOf(callback({ vocal_url: `${FAR}/a.mp3`, Vocal_url: `${FAR}/b.mp3` }))
  expect(Object.values(links)).toEqual([`${FAR}/a.mp3`, `${FAR}/b.mp3`])
})

test('a key made to leave the store becomes a stem with a harmless name', () => {
  const body = JSON.parse(`{"code":200,"data":{"task_id":"task-1","vocal_separation_info":
    {"../../x_url":"${FAR}/a.mp3","__proto___url":"${FAR}/b.mp3","manifest_url":"${FAR}/c.mp3"}}}`)
  const names = Object.keys(linksOf(body))
  expect(names).toHaveLength(3)
  for (const name of names) expect(name).toMatch(/^[a-z0-9][a-z0-9_-]*$/)
})

test.each<[string, object, object, object]>([
  ['the same', { vocal_url: `${FAR}/v.mp3` }, { vocal_url: `${FAR}/v.mp3` }, { vocal: `${FAR}/v.mp3` }],
  ['a link for what had none', { vocal_url: null }, { vocal_url: `${FAR}/v.mp3` }, { vocal: `${FAR}/v.mp3` }],
  ['no link for what had one', { vocal_url: `${FAR}/v.mp3` }, { vocal_url: '' }, { vocal: `${FAR}/v.mp3` }],
  ['no link either', { vocal_url: null }, { vocal_url: null }, { vocal: null }],
  ['another stem', { vocal_url: null }, { fx_url: `${FAR}/f.mp3` }, { vocal: null, fx: `${FAR}/f.mp3` }],
  [
    'another link',
    { vocal_url: `${FAR}/a.mp3` },
    { vocal_url: `${FAR}/b.mp3` },
    { vocal: `${FAR}/a.mp3`, vocal_2: `${FAR}/b.mp3` },
  ],
])('when both info keys are there and the second says %s, nothing is lost', (_what, first, second, links) => {
  const data = { task_id: 'task-1', vocal_separation_info: first, vocal_removal_info: second }
  expect(linksOf({ code: 200, data })).toEqual(links)
})

test('both info keys together tell the type', () => {
  const data = { task_id: 'task-1', vocal_separation_info: { vocal_url: null }, vocal_removal_info: { fx_url: FAR } }
  expect(parseCallback({ code: 200, data }, AT).type).toBe('split_stem')
})

test('a stem whose name is empty is a stem', () => {
  expect(linksOf(callback({ _url: `${FAR}/v.mp3` }))).toEqual({ 'stem-e3b0c442': `${FAR}/v.mp3` })
})

test('a raw space in a link is encoded, and what is encoded already stays', () => {
  const info = { vocal_url: `${FAR}/Lead Vocal.mp3`, drums_url: `${FAR}/Two%20Drums.mp3?a=b%2Fc` }
  expect(linksOf(callback(info))).toEqual({
    vocal: `${FAR}/Lead%20Vocal.mp3`,
    drums: `${FAR}/Two%20Drums.mp3?a=b%2Fc`,
  })
})

test('the older form with the song on cdn1.suno.ai and lower-case names is read', () => {
  const info = {
    origin_url: 'https://cdn1.suno.ai/e231a3b4-clip.mp3',
    vocal_url: `${FAR}/x_vocal.mp3`,
    instrumental_url: `${FAR}/x_instrumental.mp3`,
  }
  expect(parseCallback(callback(info, { key: 'vocal_removal_info' }), AT)).toMatchObject({
    type: 'separate_vocal',
    stems: [
      { name: 'origin', url: info.origin_url },
      { name: 'vocal', url: info.vocal_url },
      { name: 'instrumental', url: info.instrumental_url },
    ],
  })
})

test('the documented split_stem_advanced callback gives both halves of a group, each under its own name', () => {
  const body = documentedPayload('split-stem-advanced')
  const links = linksOf(body)
  expect(links).toEqual({
    lead_vocal: expect.stringContaining('0b6f3c1e-8a55-4a0c-9a53-1f4bb0f2a001_Lead%20Vocal.mp3'),
    lead_vocal_removed: expect.stringContaining('7d2f9f7c-52b1-4c0e-8c1c-6f1f0d8ea002_Lead%20Vocal.mp3'),
  })
})

const listed = (title: string | undefined, url: unknown = `${FAR}/${title}.mp3`) => ({
  audio_url: url,
  ...(title === undefined ? {} : { stem_type_group_name: title }),
})

test.each<[string, unknown[], string[]]>([
  ['flat entries', [listed('Vocals'), listed('Lead Vocal')], ['vocals', 'lead_vocal']],
  [
    'entries of one title',
    [listed('Synth'), listed('Synth', `${FAR}/2.mp3`), listed('synth')],
    ['synth', 'synth_2', 'synth_3'],
  ],
  ['an entry without a title', [listed(undefined)], ['stem']],
  ['groups of one title', [{ extract: listed('FX') }, { extract: listed('FX', FAR) }], ['fx', 'fx_2']],
  ['the same file twice', [listed('Synth'), listed('Synth')], ['synth']],
  ['a half that is missing', [{ extract: listed('FX'), remove: null }], ['fx']],
  ['the other half alone', [{ remove: listed('FX') }], ['fx_removed']],
  ['titles of another script', [listed('人声'), listed('鼓')], ['stem-7ac60a9f', 'stem-a3e6f3c5']],
])('the list form with %s loses none', (_what, origin_data, names) => {
  const { stems } = parseCallback(callback({ origin_data }), AT)
  const found = stems.map(({ name }) => name)
  expect(found).toHaveLength(names.length)
  expect(new Set(found).size).toBe(names.length)
  expect(found.map((name) => name.replace(/-[0-9a-f]{8}$/, ''))).toEqual(
    names.map((name) => name.replace(/-[0-9a-f]{8}$/, '')),
  )
})

test('keyed and listed stems of one name are both kept', () => {
  const links = linksOf(callback({ vocal_url: `${FAR}/a.mp3`, origin_data: [listed('Vocal', `${FAR}/b.mp3`)] }))
  expect(links).toEqual({ vocal: `${FAR}/a.mp3`, vocal_2: `${FAR}/b.mp3` })
})

test.each([null, ''])('a list entry whose link is %j is a stem without a link', (url) => {
  expect(linksOf(callback({ origin_data: [listed('FX', url)] }))).toEqual({ fx: null })
})

test.each([
  [{ instrumental_url: 'https://a.b/i', vocal_url: 'https://a.b/v' }, 'separate_vocal'],
  [{ drums_url: 'https://a.b/d' }, 'split_stem'],
  [{ instrumental_url: 'https://a.b/i', drums_url: '', bass_url: null }, 'separate_vocal'],
  [{ instrumental_url: '', drums_url: 'https://a.b/d' }, 'split_stem'],
  [{ instrumental_url: '', vocal_url: '' }, 'separate_vocal'],
  [{ instrumental_url: '', drums_url: '' }, 'split_stem'],
  [{ vocal_url: 'https://a.b/v' }, 'unknown'],
  [{ piano_url: 'https://a.b/p' }, 'unknown'],
  [{ origin_data: [listed('FX')] }, 'unknown'],
])('the type of %j is %s', (info, type) => {
  expect(parseCallback(callback(info), AT).type).toBe(type)
})

test.each<[string, unknown, string]>([
  ['no object', 'text', ''],
  ['null', null, ''],
  ['a list for a body', [], ''],
  ['no code', { data: { task_id: 'task-1' } }, 'code'],
  ['a code in words', callback({}, { code: 'ok' }), 'code'],
  ['a broken code', callback({}, { code: 200.5 }), 'code'],
  ['no data', { code: 200 }, 'data'],
  ['data that is a list', { code: 200, data: [] }, 'data'],
  ['a message that is none', { ...callback({ vocal_url: 'https://a.b/v' }), msg: {} }, 'msg'],
  ['info that is text', callback('done'), 'data.vocal_separation_info'],
  ['info of the other key that is text', callback('x', { key: 'vocal_removal_info' }), 'data.vocal_removal_info'],
  ['a link that is none', callback({ drums_url: 'soon' }), 'data.vocal_separation_info.drums_url'],
  ['a link that is a number', callback({ fx_url: 7 }), 'data.vocal_separation_info.fx_url'],
  ['a link that is an object', callback({ x_url: {} }), 'data.vocal_separation_info.x_url'],
  ['a list form that is none', callback({ origin_data: {} }), 'data.vocal_separation_info.origin_data'],
  ['a list entry that is none', callback({ origin_data: [7] }), 'data.vocal_separation_info.origin_data.0'],
  [
    'a listed link that is none',
    callback({ origin_data: [{ extract: { audio_url: 'soon' } }] }),
    'data.vocal_separation_info.origin_data.0.extract.audio_url',
  ],
  ['a success without info', callback(null), 'data'],
  ['a success without stems', callback({ id: 'x' }), 'data'],
])('a payload with %s is an unknown shape, and the message names the field', (_what, body, path) => {
  expect(() => parseCallback(body, AT)).toThrow(UnknownShapeError)
  try {
    parseCallback(body, AT)
  } catch (error) {
    const paths = (error as Error).message.split('; ').map((issue) => issue.split(': ')[0])
    expect(paths).toContain(path)
  }
})

test('every wrong field is named', () => {
  const body = { code: 'x', data: { task_id: 'task-1', vocal_separation_info: { fx_url: 1, drums_url: 2 } } }
  expect(() => parseCallback(body, AT)).toThrow(/code: .*fx_url: .*drums_url: /)
})

test('both info keys may be there, one of them null', () => {
  const data = { task_id: 'task-1', vocal_separation_info: null, vocal_removal_info: { vocal_url: `${FAR}/v.mp3` } }
  expect(linksOf({ code: 200, data })).toEqual({ vocal: `${FAR}/v.mp3` })
})

test.each(['a', '3e63b4cc88d52611159371f6af5571e7', 'A-z_9'])('the task id %s is read from any shape', (task_id) => {
  expect(readTaskId({ whatever: [], data: { task_id, more: 1 } })).toBe(task_id)
})

test.each([
  ...[undefined, null, 7, 'text', [], {}, { data: null }, { data: 'x' }, { data: {} }, { task_id: 'task-1' }],
  ...['', null, 7, {}, ['a'], '../x', 'a b', 'a/b', 'x'.repeat(129)].map((task_id) => ({ data: { task_id } })),
])('the body %j names no task, and the error says where it looked', (body) => {
  expect(() => readTaskId(body)).toThrow(UnreadableTaskIdError)
  expect(() => readTaskId(body)).toThrow(expect.objectContaining({ field: 'data.task_id' }))
})

test('a body that names thousands of stems is no shape that we know, and is told so at once', () => {
  const origin_data = Array.from({ length: 14_500 }, (_, n) => ({ audio_url: `${FAR}/${n}` }))
  const body = { code: 200, msg: 'ok', data: { task_id: 'many', vocal_removal_info: { origin_data } } }
  expect(() => parseCallback(body, '2026-01-01T00:00:00.000Z')).toThrow(/names 14500 stems, more than 200/)
})
