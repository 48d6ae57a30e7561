import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseCallback } from '@stems/provider/callback'
import { isSignedBy } from '@stems/provider/proof'
import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import type { Endpoint } from './gateway/moods.ts'
import type { GatewayOptions } from './gateway/options.ts'
import { type StandInGateway, startStandInGateway } from './gateway.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const PATHS: Record<Endpoint, string> = {
  generate: '/api/v1/vocal-removal/generate',
  'record-info': '/api/v1/vocal-removal/record-info',
  'download-url': '/api/v1/common/download-url',
}

const start = async (options: GatewayOptions = {}) => {
  const gateway = await startStandInGateway(options)
  onTestFinished(() => gateway.close())
  const ask = async (path: string, body?: unknown, key = gateway.apiKey) => {
    const response = await fetch(gateway.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, text, answer: text.startsWith('{') ? safely(text) : undefined }
  }
  const record = (taskId: string, key?: string) => ask(`${PATHS['record-info']}?taskId=${taskId}`, undefined, key)
  const buy = (order: Record<string, unknown> = {}, key?: string) => ask(PATHS.generate, { ...ORDER, ...order }, key)
  const freshLink = (url: string) => ask(PATHS['download-url'], { url })
  return { gateway, ask, record, buy, freshLink }
}

const ORDER = { taskId: 'a-song', audioId: 'a-track', type: 'separate_vocal', callBackUrl: 'http://127.0.0.1:9/back' }

// biome-ignore lint/suspicious/noExplicitAny: what an API answers is whatever it answers
const safely = (text: string): any => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Takes callbacks, and answers each with the next of the given statuses, then with the last one; 0 is no answer. */
const startReceiver = async (...statuses: number[]) => {
  // biome-ignore lint/suspicious/noExplicitAny: see above
  const received: { headers: IncomingHttpHeaders; body: any }[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    if (request.url === '/back') received.push({ headers: request.headers, body: JSON.parse(text) })
    const status = statuses[Math.min(received.length, statuses.length) - 1]
    // A redirect would lead to a 200, if it were followed.
    const headers = status === 302 ? { location: `http://127.0.0.1:${port()}/elsewhere` } : {}
    if (request.url === '/elsewhere') response.writeHead(200).end()
    else if (status !== 0) response.writeHead(status ?? 200, headers).end()
  }).listen(0, '127.0.0.1')
  const port = () => (server.address() as AddressInfo).port
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${port()}/back`, received }
}

/** A separation that has ended, and was told of to nobody. */
const separated = async (gateway: StandInGateway, ...[order]: Parameters<StandInGateway['begin']>) => {
  const task = gateway.begin(order)
  await gateway.clock.advance(2 * MINUTE)
  return task
}

const linksOf = (gateway: StandInGateway, taskId: string): string[] =>
  parseCallback(gateway.callbackOf(taskId), '2026-01-01T00:00:00.000Z').stems.flatMap(({ url }) => url ?? [])

test('a separation is bought, is pending for as long as it takes, and is then told of in its record', async () => {
  const { gateway, buy, record } = await start()
  const { status, answer } = await buy()
  expect([status, answer]).toEqual([200, { code: 200, msg: 'success', data: { taskId: expect.any(String) } }])
  const { taskId } = answer.data

  await gateway.clock.advance(82 * SECOND)
  expect((await record(taskId)).answer).toMatchObject({
    code: 200,
    data: { taskId, musicId: 'a-track', callbackUrl: ORDER.callBackUrl, successFlag: 'PENDING', completeTime: null },
  })

  await gateway.clock.advance(SECOND)
  const { data } = (await record(taskId)).answer
  expect(data).toMatchObject({
    successFlag: 'SUCCESS',
    response: {
      vocalUrl: expect.stringMatching(/_Vocals\.mp3\?/),
      instrumentalUrl: expect.stringMatching(/_Instrumental\.mp3\?/),
      drumsUrl: null,
    },
  })
  expect(data.completeTime - data.createTime).toBe(83 * SECOND)
  expect(await (await fetch(data.response.vocalUrl)).arrayBuffer()).toHaveProperty(
    'byteLength',
    gateway.files.served(data.response.vocalUrl).bytes,
  )
})

test('every submit is charged, the same track and type too, until the credits are spent', async () => {
  const { gateway, buy } = await start({ credits: 75 })
  const tasks = [await buy(), await buy(), await buy({ type: 'split_stem' })]
  expect(tasks.map(({ answer }) => answer.code)).toEqual([200, 200, 200])
  expect(new Set(tasks.map(({ answer }) => answer.data.taskId)).size).toBe(3)
  expect(gateway.charges.map(({ credits }) => credits)).toEqual([10, 10, 50])
  expect((await buy()).answer).toMatchObject({ code: 402, data: null })
  expect(gateway.charges).toHaveLength(3)
  expect(gateway.tasks()).toHaveLength(3)
})

test.each([
  ['no type', { type: undefined }],
  ['a type that there is not', { type: 'karaoke' }],
  ['no track', { audioId: undefined }],
  ['an empty track', { audioId: '' }],
  ['a track of another song', { audioId: 'another' }],
  ['no song', { taskId: undefined }],
  ['a callBackUrl that is none', { callBackUrl: 'tomorrow' }],
])('an order with %s is refused and costs nothing', async (_what, order) => {
  const { gateway, buy } = await start({ tracks: { 'a-song': ['a-track'] } })
  expect((await buy(order)).answer).toMatchObject({ code: 422, data: null })
  expect(gateway.charges).toEqual([])
  expect((await buy()).answer).toMatchObject({ code: 200 })
})

test('a body that is no JSON is refused', async () => {
  const { ask } = await start()
  expect(await ask(PATHS.generate, '{"taskId":')).toMatchObject({ status: 200, answer: { code: 400 } })
})

test.each(['body', 'status'] as const)('a wrong key is refused, with the code in the %s', async (errorsAs) => {
  const { gateway, buy, record, ask } = await start({ errorsAs })
  const status = errorsAs === 'status' ? 401 : 200
  for (const refused of [
    await buy({}, 'another-key'),
    await record('a-task', 'another-key'),
    await ask(PATHS['download-url'], { url: 'http://files.example/' }, 'another-key'),
  ]) {
    expect(refused).toMatchObject({ status, answer: { code: 401, data: null } })
  }
  expect(gateway.charges).toEqual([])
})

test.each([
  ['kie', { no_credits: 402, rate_limited: 429, bad_key: 401, maintenance: 455, server_error: 500 }],
  ['sunoapi', { no_credits: 429, rate_limited: 430, bad_key: 401, maintenance: 455, server_error: 500 }],
] as const)('%s refuses in codes of its own', async (provider, codes) => {
  const { gateway, record } = await start({ provider })
  for (const [reason, code] of Object.entries(codes)) {
    gateway.behave('record-info', reason as keyof typeof codes)
    expect((await record('a-task')).answer.code).toBe(code)
  }
})

test('ten requests a second are answered, and the next are refused until the second is over', async () => {
  const { gateway, record } = await start({ ratesFollowClock: true })
  const codes = async (count: number) => {
    const answers = await Promise.all(Array.from({ length: count }, () => record('a-task')))
    return answers.map(({ answer }) => answer.code)
  }
  expect(await codes(10)).toEqual(Array(10).fill(200))
  expect(await codes(2)).toEqual([429, 429])
  await gateway.clock.advance(SECOND)
  expect(await codes(1)).toEqual([200])
})

test.each([
  ['kie', 429],
  ['sunoapi', 405],
] as const)('%s takes twenty submits in ten seconds, and refuses the next with %d', async (provider, code) => {
  const { gateway, buy } = await start({ provider, ratesFollowClock: true, perSecond: 100 })
  for (let n = 0; n < 20; n++) expect((await buy()).answer.code).toBe(200)
  expect((await buy()).answer.code).toBe(code)
  expect(gateway.charges).toHaveLength(20)
  await gateway.clock.advance(10 * SECOND)
  expect((await buy()).answer.code).toBe(200)
})

test.each([
  ['null', { code: 200, data: null }],
  ['not_found', { code: 404, data: null }],
  ['invalid', { code: 422, data: null }],
] as const)('a task that nobody knows is answered with %s', async (unknownTask, answer) => {
  const { record } = await start({ unknownTask })
  expect((await record('nobody')).answer).toMatchObject(answer)
})

test.each([
  ['epoch-ms', /^\d{13}$/, 'number'],
  ['numeric-string', /^\d{13}$/, 'string'],
  ['date-time', /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'string'],
] as const)('times can be %s', async (times, form, type) => {
  const { gateway, record } = await start({ times })
  const { data } = (await record((await separated(gateway)).taskId)).answer
  for (const time of [data.createTime, data.completeTime]) {
    expect(time).toBeTypeOf(type)
    expect(`${time}`).toMatch(form)
  }
})

test("kie's record has every stem under a key and in a list; sunoapi's has neither list, id nor piano", async () => {
  const keys = async (provider: 'kie' | 'sunoapi') => {
    const { gateway, record } = await start({ provider })
    const plain = await separated(gateway)
    expect((await record(plain.taskId)).answer.data.response.pianoUrl).toBe(provider === 'kie' ? null : undefined)
    gateway.plan({ piano: true })
    const { taskId } = await separated(gateway, { type: 'split_stem' })
    expect(JSON.stringify(gateway.callbackOf(taskId))).not.toMatch(/piano/i)
    return (await record(taskId)).answer.data.response
  }
  const kie = await keys('kie')
  expect(kie).toMatchObject({ id: null, pianoUrl: expect.stringContaining('_Piano.mp3') })
  expect(kie.originData).toHaveLength(13)
  expect(kie.originData).toContainEqual({
    duration: 245.6,
    audio_url: kie.backingVocalsUrl,
    stem_type_group_name: 'Backing Vocals',
    id: expect.any(String),
  })
  const sunoapi = await keys('sunoapi')
  const { id: _id, originData: _originData, pianoUrl: _pianoUrl, ...shared } = kie
  expect(Object.keys(sunoapi).sort()).toEqual(Object.keys(shared).sort())
})

test('the list in the record of kie can have links of its own, which lead to the same files', async () => {
  const { gateway, record } = await start({ listedLinks: 'other' })
  const { taskId } = await separated(gateway)
  const { vocalUrl, originData } = (await record(taskId)).answer.data.response
  const listed = originData.find((entry: { stem_type_group_name: string }) => entry.stem_type_group_name === 'Vocals')
  expect(listed.audio_url).not.toBe(vocalUrl)
  expect(vocalUrl).toContain(listed.id)
  expect((await fetch(listed.audio_url)).status).toBe(200)
  expect(gateway.files.served(listed.audio_url)).toEqual(gateway.files.served(vocalUrl))
})

test('a stem that no document names is in the callback and in the record, each in its own spelling', async () => {
  const { gateway, record } = await start()
  gateway.plan({ unknownStems: ['bass_kazoo'] })
  const { taskId } = await separated(gateway)
  const info = gateway.callbackOf(taskId).data.vocal_separation_info
  expect(info).toHaveProperty('bass_kazoo_url')
  expect((await record(taskId)).answer.data.response.bassKazooUrl).toBe(info?.bass_kazoo_url)
})

test.each([
  ['', { brass_url: '' }],
  ['null', { brass_url: null }],
  ['absent', {}],
] as const)('a stem that is missing can be «%s»', async (missingAs, expected) => {
  const { gateway } = await start()
  gateway.plan({ missing: ['brass'], missingAs })
  const { taskId } = await separated(gateway, { type: 'split_stem' })
  const { vocal_separation_info: info = {} } = gateway.callbackOf(taskId).data
  expect(Object.fromEntries(Object.entries(info ?? {}).filter(([key]) => key === 'brass_url'))).toEqual(expected)
  expect(Object.keys(info ?? {})).toContain('drums_url')
})

test.each([
  ['kie', 'separate_vocal', 'vocal_separation_info', 2],
  ['kie', 'split_stem', 'vocal_separation_info', 12],
  ['sunoapi', 'separate_vocal', 'vocal_removal_info', 2],
  ['sunoapi', 'split_stem', 'vocal_removal_info', 12],
  ['kie', 'split_stem_advanced', 'vocal_removal_info', 2],
] as const)("%s's callback of %s speaks of %s, and all its %d files are there", async (provider, type, key, files) => {
  const { gateway } = await start({ provider })
  const { taskId } = await separated(gateway, { type })
  expect(gateway.callbackOf(taskId).data).toHaveProperty(key)
  const links = linksOf(gateway, taskId)
  expect(new Set(links).size).toBe(files)
  for (const link of links) expect((await fetch(link)).status).toBe(200)
})

test('the list form has raw spaces in its links, and one name for both halves', async () => {
  const { gateway } = await start()
  const { taskId } = await separated(gateway, { type: 'split_stem_advanced' })
  const info = gateway.callbackOf(taskId).data.vocal_removal_info
  const half = { stem_type_group_name: 'Lead Vocal', audio_url: expect.stringContaining('_Lead Vocal.mp3?') }
  expect(info).toMatchObject({ origin_data: [{ extract: half, remove: half }] })
})

test.each(['CREATE_TASK_FAILED', 'GENERATE_AUDIO_FAILED'] as const)('a separation can end as %s', async (outcome) => {
  const { url, received } = await startReceiver()
  const { gateway, record } = await start()
  gateway.plan({ outcome, error: { code: 531, message: 'too long' } })
  const { taskId } = await separated(gateway, { callBackUrl: url })
  expect(received[0]?.body).toEqual({
    code: 531,
    msg: 'too long',
    data: { task_id: taskId, vocal_separation_info: null },
  })
  expect((await record(taskId)).answer.data).toMatchObject({
    ...{ successFlag: outcome, errorCode: 531, errorMessage: 'too long', response: null },
  })
})

test('a callback that is answered with 200 is sent once', async () => {
  const { url, received } = await startReceiver(200)
  const { gateway, record } = await start()
  const { taskId } = await separated(gateway, { callBackUrl: url })
  await gateway.clock.advance(DAY)
  expect(received.map(({ body }) => body.data.task_id)).toEqual([taskId])
  expect(received[0]?.headers['content-type']).toBe('application/json')
  expect((await record(taskId)).answer.data.successFlag).toBe('SUCCESS')
})

test.each([202, 204, 302, 404, 503])(
  'a callback that is answered with %d is sent three times more, then never',
  async (status) => {
    const { url, received } = await startReceiver(status)
    const { gateway, record } = await start()
    const { taskId } = await separated(gateway, { callBackUrl: url })
    await gateway.clock.advance(21 * MINUTE - 2 * MINUTE)
    expect(received).toHaveLength(3)
    expect((await record(taskId)).answer.data.successFlag).toBe('SUCCESS')
    await gateway.clock.advance(DAY)
    expect(received).toHaveLength(4)
    expect(gateway.task(taskId).deliveries.map(({ result }) => result)).toEqual(Array(4).fill(status))
    const { data } = (await record(taskId)).answer
    expect(data).toMatchObject({ successFlag: 'CALLBACK_EXCEPTION', response: { vocalUrl: expect.any(String) } })
  },
)

test('a retry that is answered with 200 is the last', async () => {
  const { url, received } = await startReceiver(503, 503, 200)
  const { gateway, record } = await start()
  const { taskId } = await separated(gateway, { callBackUrl: url })
  await gateway.clock.advance(DAY)
  expect(received).toHaveLength(3)
  expect((await record(taskId)).answer.data.successFlag).toBe('SUCCESS')
})

test('a receiver that does not answer within 15 s has not answered', async () => {
  const { url, received } = await startReceiver(0, 200)
  const { gateway } = await start({ retryAfterMs: [MINUTE, MINUTE, MINUTE] })
  const { taskId } = gateway.begin({ callBackUrl: url })
  await gateway.clock.advance(83 * SECOND + 14 * SECOND)
  expect(gateway.task(taskId).deliveries).toEqual([])
  await gateway.clock.advance(SECOND)
  expect(gateway.task(taskId).deliveries).toMatchObject([{ result: 'no answer within 15 s' }])
  await gateway.clock.advance(MINUTE)
  expect(received).toHaveLength(2)
  expect(gateway.task(taskId).deliveries).toMatchObject([{}, { result: 200 }])
})

test('nobody there to take a callback is as bad as a refusal', async () => {
  const { gateway, record } = await start()
  const { taskId } = await separated(gateway, { callBackUrl: ORDER.callBackUrl })
  await gateway.clock.advance(DAY)
  expect(gateway.task(taskId).deliveries).toHaveLength(4)
  expect((await record(taskId)).answer.data.successFlag).toBe('CALLBACK_EXCEPTION')
})

test('a callback can get lost without the gateway knowing, and can be sent once more', async () => {
  const { url, received } = await startReceiver()
  const { gateway, record } = await start()
  gateway.plan({ callback: 'drop' })
  const { taskId } = await separated(gateway, { callBackUrl: url })
  await gateway.clock.advance(DAY)
  expect(received).toEqual([])
  expect((await record(taskId)).answer.data.successFlag).toBe('SUCCESS')
  expect(await gateway.sendAgain(taskId)).toBe(200)
  expect(received).toHaveLength(1)
})

test.each([true, false])(
  'kie signs its callbacks, retries (stamped anew: %s) too; sunoapi signs none',
  async (restampsRetries) => {
    const hmacKey = 'a-webhook-key'
    const run = async (provider: 'kie' | 'sunoapi') => {
      const { url, received } = await startReceiver(503, 200)
      const { gateway } = await start({ provider, webhookHmacKey: hmacKey, restampsRetries })
      const { taskId } = gateway.begin({ callBackUrl: url })
      await gateway.clock.advance(HOUR)
      expect(received).toHaveLength(2)
      return { taskId, received }
    }
    const { taskId, received } = await run('kie')
    const stamps = received.map(({ headers }) => Number(headers['x-webhook-timestamp']))
    expect((stamps[1] ?? 0) - (stamps[0] ?? 0)).toBe(restampsRetries ? 60 : 0)
    for (const { headers } of received) {
      const secrets = { tokens: [], hmacKeys: [hmacKey], toleranceSeconds: 300 }
      const signature = {
        timestamp: `${headers['x-webhook-timestamp']}`,
        signature: `${headers['x-webhook-signature']}`,
      }
      expect(isSignedBy(taskId, signature, secrets)).toBe(true)
      expect(isSignedBy('another-task', signature, secrets)).toBe(false)
    }
    for (const { headers } of (await run('sunoapi')).received) expect(headers).not.toHaveProperty('x-webhook-signature')
  },
)

test('a link works until it expires; download-url makes one that lives for 20 minutes', async () => {
  const { gateway, freshLink } = await start({ linksLiveMs: HOUR })
  const [link = ''] = linksOf(gateway, (await separated(gateway)).taskId)
  const status = async (url: string) => (await fetch(url)).status
  expect(await status(link)).toBe(200)
  await gateway.clock.advance(HOUR)
  expect(await status(link)).toBe(403)

  const { answer } = await freshLink(link)
  expect(answer).toEqual({ code: 200, msg: 'success', data: expect.any(String) })
  expect(answer.data).not.toBe(link)
  expect(await status(answer.data)).toBe(200)
  await gateway.clock.advance(20 * MINUTE - 2 * SECOND)
  expect(await status(answer.data)).toBe(200)
  await gateway.clock.advance(3 * SECOND)
  expect(await status(answer.data)).toBe(403)
  expect(gateway.files.hits(link)).toBe(5)
})

test('download-url refuses what is not its own, and sunoapi has none', async () => {
  const { gateway, freshLink } = await start()
  const [link = ''] = linksOf(gateway, (await separated(gateway)).taskId)
  for (const foreign of ['https://example.com/song.mp3', `${gateway.filesUrl}/s/another.mp3`, 'no url', undefined]) {
    expect((await freshLink(foreign as string)).answer).toMatchObject({ code: 422, data: null })
  }
  const path = new URL(link).pathname
  expect((await freshLink(`https://example.com${path}`)).answer.code).toBe(422)
  const sunoapi = await start({ provider: 'sunoapi' })
  expect(await sunoapi.freshLink(link)).toMatchObject({ status: 404 })
})

test("sunoapi's record has fresh links each time, kie's the same as ever", async () => {
  for (const [provider, status] of [
    ['sunoapi', 200],
    ['kie', 403],
  ] as const) {
    const { gateway, record } = await start({ provider })
    const { taskId } = await separated(gateway)
    const link = async () => (await record(taskId)).answer.data.response.vocalUrl
    const first = await link()
    await gateway.clock.advance(25 * HOUR)
    expect((await fetch(first)).status).toBe(403)
    expect((await fetch(await link())).status).toBe(status)
  }
})

test('a link whose end was written later is no link', async () => {
  const { gateway } = await start()
  const [link = ''] = linksOf(gateway, (await separated(gateway)).taskId)
  expect((await fetch(link.replace(/expires=\d/, 'expires=9'))).status).toBe(403)
  expect((await fetch(link.split('?')[0] ?? '')).status).toBe(403)
})

test.each([
  [{ status: 403 }, 403, /xml/],
  [{ status: 403, html: true }, 403, /html/],
  [{ status: 200, html: true }, 200, /html/],
  [{ status: 410 }, 410, /xml/],
])('an expired link can be answered with %j', async (expiredAs, status, type) => {
  const { gateway } = await start()
  gateway.files.expireAs(expiredAs)
  const [link = ''] = linksOf(gateway, (await separated(gateway)).taskId)
  await gateway.clock.advance(DAY)
  const response = await fetch(link)
  expect([response.status, response.headers.get('content-type')]).toEqual([status, expect.stringMatching(type)])
})

test('files are deleted after 14 days, whatever their links say, and no fresh link is to be had', async () => {
  const { gateway, freshLink, record } = await start({ linksLiveMs: 30 * DAY })
  const { taskId } = await separated(gateway)
  const [link = ''] = linksOf(gateway, taskId)
  await gateway.clock.advance(14 * DAY - 2 * MINUTE)
  expect((await fetch(link)).status).toBe(200)
  await gateway.clock.advance(2 * MINUTE)
  expect((await fetch(link)).status).toBe(404)
  expect((await freshLink(link)).answer.code).toBe(422)
  expect((await record(taskId)).answer.data.successFlag).toBe('SUCCESS')
})

test.each([true, false])('the file server can know Range, or not: %s', async (ranges) => {
  const { gateway } = await start({ ranges })
  const [link = ''] = linksOf(gateway, (await separated(gateway)).taskId)
  const { bytes } = gateway.files.served(link)
  const response = await fetch(link, { headers: { range: 'bytes=100-' } })
  expect(response.status).toBe(ranges ? 206 : 200)
  expect((await response.arrayBuffer()).byteLength).toBe(ranges ? bytes - 100 : bytes)
  expect(response.headers.has('etag')).toBe(ranges)
})

test('the CDN turns some user agents away with HTML', async () => {
  const { gateway } = await start()
  const [link = ''] = linksOf(gateway, (await separated(gateway)).taskId)
  const response = await fetch(link, { headers: { 'user-agent': 'Python-urllib/3.12' } })
  expect([response.status, response.headers.get('content-type')]).toEqual([403, expect.stringContaining('html')])
})

test.each([
  ['unavailable', 503, /^<!DOCTYPE html>/],
  ['html', 200, /^<!DOCTYPE html>/],
  ['truncated', 200, /^\{"code":200,"msg":"success","data":\{[^}]*$/],
  ['wrong_types', 200, /"code":"two hundred"/],
  ['other_task', 200, /"taskId":"the-task-of-somebody-else"/],
] as const)('in the mood «%s» the API answers nonsense, once', async (mood, status, text) => {
  const { gateway, record } = await start()
  const { taskId } = await separated(gateway)
  gateway.behave('record-info', mood)
  const nonsense = await record(taskId)
  expect([nonsense.status, nonsense.text]).toEqual([status, expect.stringMatching(text)])
  expect((await record(taskId)).answer.data.taskId).toBe(taskId)
})

test('a mood can last, and end', async () => {
  const { gateway, record, buy } = await start()
  gateway.alwaysBehave('maintenance')
  for (const { answer } of [await record('a'), await record('b'), await buy()]) expect(answer.code).toBe(455)
  gateway.alwaysBehave('well')
  expect((await buy()).answer.code).toBe(200)
})

test('an API that is down refuses connections while its files are served, and comes back at the same place', async () => {
  const { gateway, record } = await start()
  const { taskId } = await separated(gateway)
  const [link = ''] = linksOf(gateway, taskId)
  await gateway.goDown()
  await expect(record(taskId)).rejects.toThrow('fetch failed')
  expect((await fetch(link)).status).toBe(200)
  await gateway.comeBack()
  expect((await record(taskId)).answer.code).toBe(200)
})

test.each([
  ['hang', 0],
  ['work_then_hang', 1],
  ['work_then_cut', 1],
] as const)('in the mood «%s» a submit gets no answer, and %d are charged', async (mood, charged) => {
  const { gateway } = await start()
  gateway.behave('generate', mood)
  const impatient = new AbortController()
  const submit = fetch(gateway.url + PATHS.generate, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(ORDER),
    signal: impatient.signal,
  })
  const outcome = expect(submit).rejects.toThrow()
  await waitFor('it was asked', () => gateway.asked.length === 1)
  await waitFor('it was charged', () => gateway.charges.length === charged)
  impatient.abort()
  await outcome
  expect(gateway.tasks()).toHaveLength(charged)
})

test('who asked what, and with which key, is told', async () => {
  const { gateway, record } = await start()
  await record('a-task')
  await record('a-task', 'another-key')
  expect(gateway.asked).toMatchObject([
    { endpoint: 'record-info', taskId: 'a-task', code: 200, authorization: `Bearer ${gateway.apiKey}` },
    { endpoint: 'record-info', taskId: 'a-task', code: 401, authorization: 'Bearer another-key' },
  ])
})

test('it runs by itself, and says what the worker is to be told', async () => {
  const file = join(import.meta.dirname, 'gateway.ts')
  const child = spawn(process.execPath, [file, '--provider', 'sunoapi', '--takes-seconds', '0'], { stdio: 'pipe' })
  onTestFinished(() => void child.kill())
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  await waitFor('its address', () => output.includes('files at'))
  const [, url = ''] = /^PROVIDER_API_URL=(\S+)$/m.exec(output) ?? []
  const [, key = ''] = /^PROVIDER_API_KEY=(\S+)$/m.exec(output) ?? []
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const bought = await fetch(url + PATHS.generate, { method: 'POST', headers, body: JSON.stringify(ORDER) })
  const { taskId } = safely(await bought.text()).data
  await waitFor(
    'it is done',
    async () => {
      const response = await fetch(`${url}${PATHS['record-info']}?taskId=${taskId}`, { headers })
      const { data } = safely(await response.text())
      return data.successFlag === 'SUCCESS' && (await fetch(data.response.vocalUrl)).ok
    },
    { everyMs: 250 },
  )
})
