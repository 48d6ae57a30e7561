import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../scripts/ports.ts'
import type { App } from '../support/app.ts'
import { type CollectedSpan, type Collector, startCollector } from '../support/collector.ts'
import { loadedBy, TELLS_LOADED } from '../support/loaded-packages.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type System, type SystemOptions, startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

// Every secret of these tests contains this word, so that one search finds each of them wherever it has got to.
const MARK = 'hunter2'
const VOCAL = `/s/vocal.mp3?key=${MARK}-link`

const callbackFor = (taskId: string, files: string, vocal = VOCAL) => ({
  code: 200,
  msg: `see https://provider.example/?why=${MARK}-msg`,
  data: { task_id: taskId, vocal_separation_info: { vocal_url: files + vocal, drums_url: `${files}/s/drums.mp3` } },
})

/** The user's own app: it hears what it is told, and refuses the first word. */
const startOwnApp = async () => {
  const heard: IncomingHttpHeaders[] = []
  const server = createServer(async (request, response) => {
    await text(request)
    heard.push(request.headers)
    response.writeHead(heard.length === 1 ? 500 : 204, { 'retry-after': '0' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const env = {
    NOTIFY_URL: `http://127.0.0.1:${port}/${MARK}-hook?key=${MARK}-hook`,
    NOTIFY_SECRET: `whsec_${MARK}${'A'.repeat(25)}`,
    NOTIFY_ALLOW_PRIVATE: 'true',
  }
  return { heard, env }
}

/** A system that sends its traces to a collector. */
const startTraced = async (options: SystemOptions = {}) => {
  const collector = await startCollector()
  const system = await startSystem({
    ...options,
    shared: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...options.shared },
  })
  return { ...system, collector }
}

const stopAll = (apps: App[]): Promise<unknown> => Promise.all(apps.map((app) => app.stop()))

const rootsOf = (spans: CollectedSpan[]) => spans.filter(({ parentSpanId }) => parentSpanId === undefined)
const tracesOf = (spans: CollectedSpan[]) => [...new Set(spans.map(({ traceId }) => traceId))]
const orphansOf = (spans: CollectedSpan[]) => {
  const known = new Set(spans.map(({ spanId }) => spanId))
  return spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !known.has(parentSpanId))
}
const aboveOf = (span: CollectedSpan, spans: CollectedSpan[]): string[] => {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
  return parent ? [...aboveOf(parent, spans), parent.name] : []
}
const traceOf = (collector: Collector, isIts: (span: CollectedSpan) => boolean): CollectedSpan[] => {
  const spans = collector.spans()
  const traceId = spans.find(isIts)?.traceId
  return spans.filter((span) => span.traceId === traceId)
}

test('one callback is one trace, from its answer to every download, through retries, to the notification', async () => {
  const app = await startOwnApp()
  const { collector, post, provider, finished, ingress, workers } = await startTraced({
    shared: {
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${MARK}-collector`,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
    ingress: { CALLBACK_TOKENS: `${MARK}-token` },
    worker: app.env,
  })
  provider.behave(VOCAL, { kind: 'answer', status: 503, body: `${MARK}-body` }, { kind: 'cut', afterBytes: 100 })
  const stranger = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'

  const path = `/callbacks/separation/${MARK}-token`
  await post(callbackFor('traced', provider.url), { path, headers: { traceparent: stranger, baggage: 'a=b' } })
  await finished('traced')
  await waitFor('the app has heard of it', () => app.heard.length === 2)
  await stopAll([ingress, ...workers])

  const spans = collector.spans()
  expect(tracesOf(spans)).toHaveLength(1)
  expect(orphansOf(spans)).toEqual([])
  expect(rootsOf(spans)).toMatchObject([
    {
      name: 'POST /callbacks/separation',
      kind: 'server',
      service: 'stemkeeper-ingress',
      resource: { 'deployment.environment.name': 'test' },
      attributes: { 'stemkeeper.task_id': 'traced', 'stemkeeper.answer': 'accepted', 'http.response.status_code': 200 },
    },
  ])
  const requests = spans.filter(({ kind }) => kind === 'client')
  const toStem = ['POST /callbacks/separation', 'add separations.separation', 'process separations']
  const vocal = requests.filter(({ attributes }) => String(attributes['url.full']).includes('vocal'))
  const [, , last] = vocal.map(({ attributes }) => attributes['http.response.status_code'])
  expect(vocal.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([503, 200, last])
  const kept = last === 206 ? 100 : 0 // what came before the cut may have reached the disk, or not
  expect([200, 206]).toContain(last)
  expect(vocal.map(({ isFailed }) => isFailed)).toEqual([true, true, false])
  expect(vocal[2]?.attributes).toMatchObject({
    'url.full': `${provider.url}/s/vocal.mp3`,
    'http.response.body.size': provider.file(VOCAL).bytes - kept,
  })
  for (const request of vocal) {
    expect(request.service).toBe('stemkeeper-worker')
    expect(aboveOf(request, spans)).toEqual([...toStem, 'addBulk stems', 'process stems'])
  }
  expect(new Set(vocal.map(({ parentSpanId }) => parentSpanId)).size).toBe(3) // one span for each attempt
  expect(spans.filter(({ name }) => name === 'publish').map(({ attributes }) => attributes['stemkeeper.stem'])).toEqual(
    expect.arrayContaining(['vocal', 'drums']),
  )
  const manifest = spans.filter(({ name }) => name === 'write manifest')
  expect(manifest.map((span) => aboveOf(span, spans))).toEqual([toStem])
  const words = requests.filter(({ attributes }) => attributes['http.request.method'] === 'POST')
  expect(words.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([500, 204])
  for (const [index, word] of words.entries()) {
    expect(aboveOf(word, spans).at(-2)).toBe('add notifications.separation.finished')
    expect(app.heard[index]?.traceparent).toBe(`00-${word.traceId}-${word.spanId}-01`)
  }

  const sent = collector.received()
  for (const { path, headers } of sent) {
    expect([path, headers.authorization]).toEqual(['POST /v1/traces', `Bearer ${MARK}-collector`])
  }
  expect(sent.map(({ body }) => body).join()).not.toMatch(new RegExp(`${MARK}|0af7651916cd43dd|baggage`))
  for (const path of [VOCAL, '/s/drums.mp3']) {
    for (const headers of provider.requests(path)) expect(headers.traceparent).toBeUndefined()
  }
})

test('who drives a separation again begins a trace of his own, and all that is done for him is in it', async () => {
  const { collector, post, provider, finished, ingress, workers, addBoard } = await startTraced()
  const board = await addBoard()
  provider.behave(VOCAL, { kind: 'answer', status: 404 })
  await post(callbackFor('again', provider.url))
  const partial = await finished('again', ({ status }) => status === 'partial')
  await waitFor('it is driven again', async () => {
    const { body } = await post(callbackFor('again', provider.url, `/s/vocal.mp3?key=${MARK}-other`))
    return body.status === 'accepted'
  })
  const complete = await finished('again', ({ finished_at }) => finished_at > partial.finished_at)
  expect(complete.status).toBe('complete')
  await waitFor('it is replayed', async () => {
    return (await board.ask('/api/separations/again/replay', { method: 'POST' })).status === 202
  })
  await finished('again', ({ finished_at }) => finished_at > complete.finished_at)
  await stopAll([ingress, board, ...workers])

  const spans = collector.spans()
  expect(orphansOf(spans)).toEqual([])
  const traces = tracesOf(spans).map((traceId) => spans.filter((span) => span.traceId === traceId))
  const written = traces.filter((trace) => trace.some(({ name }) => name === 'write manifest'))
  expect(written.map((trace) => rootsOf(trace).map(({ name }) => name)).toSorted()).toEqual([
    ['POST /callbacks/separation'],
    ['POST /callbacks/separation'],
    ['replay'],
  ])
  for (const trace of written) {
    expect(trace.filter(({ name }) => name === 'write manifest')).toHaveLength(1)
    expect(trace.some(({ name }) => name === 'process stems')).toBe(true)
  }
})

test('a task that is registered has a trace, which its callback takes over', async () => {
  const { collector, post, provider, finished, ingress, workers, addBoard } = await startTraced()
  const board = await addBoard()
  await board.ask('/api/separations', { method: 'POST', body: { task_id: 'expected' } })
  await post(callbackFor('expected', provider.url))
  await finished('expected')
  await stopAll([ingress, board, ...workers])

  expect(orphansOf(collector.spans())).toEqual([])
  expect(tracesOf(collector.spans())).toHaveLength(2)
  const ofBoard = traceOf(collector, ({ name }) => name === 'expect')
  expect(ofBoard.map(({ name }) => name)).toContain('process separations')
  const ofCallback = traceOf(collector, ({ name }) => name === 'write manifest')
  expect(rootsOf(ofCallback)).toMatchObject([{ name: 'POST /callbacks/separation' }])
  expect(ofCallback.filter(({ name }) => name === 'GET')).toHaveLength(2)
})

test('a callback that was spooled while Redis was away goes on in its trace', async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  const { collector, post, provider, finished, ingress, workers } = await startTraced({ redisUrl: redis.url })
  await redis.kill()
  expect((await post(callbackFor('spooled', provider.url))).body.status).toBe('spooled')
  await redis.start()
  await finished('spooled')
  await stopAll([ingress, ...workers])

  const spans = traceOf(collector, ({ name }) => name === 'GET')
  expect(orphansOf(spans)).toEqual([])
  expect(rootsOf(spans)).toMatchObject([
    { name: 'POST /callbacks/separation', attributes: { 'stemkeeper.answer': 'spooled' } },
  ])
  const [request] = spans.filter(({ name }) => name === 'GET')
  expect(request && aboveOf(request, spans).slice(0, 2)).toEqual(['POST /callbacks/separation', 'drain'])
})

test('the trace goes on when its worker is killed', async () => {
  const { collector, post, provider, finished, ingress, workers, addWorker } = await startTraced({
    worker: { DOWNLOAD_STALL_MS: '60000' },
  })
  provider.behave(VOCAL, { kind: 'stall', afterBytes: 10 })
  await post(callbackFor('killed', provider.url))
  await waitFor('it is being fetched', () => provider.hits(VOCAL) === 1)
  await workers[0]?.stop('SIGKILL')
  const next = await addWorker({ OTEL_SERVICE_NAME: 'the-next-worker' })
  await finished('killed')
  await stopAll([ingress, next])

  const spans = collector.spans()
  expect(tracesOf(spans)).toHaveLength(1)
  expect(rootsOf(spans)).toMatchObject([{ name: 'POST /callbacks/separation' }])
  const ofNext = spans.filter(({ service }) => service === 'the-next-worker').map(({ name }) => name)
  expect(ofNext).toEqual(expect.arrayContaining(['process stems', 'GET', 'publish', 'write manifest']))
})

const inAnswers = async ({ post, provider, finished, addBoard }: System, taskId: string) => {
  const board = await addBoard()
  const body = callbackFor(taskId, provider.url)
  const answers = [await post(body), await post('{'), await post({ code: 200, msg: 'ok', data: {} })]
  const { status } = await finished(taskId)
  return { board, answers: answers.map((answer) => [answer.status, answer.body.status]), status }
}

test.each([
  ['is away', async () => `http://127.0.0.1:${await freePort()}`],
  [
    'takes nothing',
    async () => {
      const collector = await startCollector()
      collector.answer(500)
      return collector.url
    },
  ],
])('a collector that %s changes no answer, holds up no shutdown, and is told of once', async (_, start) => {
  const untraced = await startSystem()
  const traced = await startSystem({ shared: { OTEL_EXPORTER_OTLP_ENDPOINT: await start() } })

  const expected = await inAnswers(untraced, 'a')
  const { board, ...seen } = await inAnswers(traced, 'a')
  expect(seen).toEqual({ answers: expected.answers, status: 'complete' })
  const { ingress, workers } = traced
  const isTold = (app: App) => app.log.filter(({ msg }) => msg.startsWith('tracing.collector_away'))
  await waitFor('it is told', () => isTold(ingress).length > 0)
  await traced.post(callbackFor('b', traced.provider.url))
  await traced.finished('b')

  for (const app of [ingress, board, ...workers]) {
    expect(await app.stop()).toEqual({ code: 0, signal: null })
    expect(app.log.at(-1)?.msg).toBe('app.closed')
    expect(isTold(app).length).toBeLessThanOrEqual(1)
    expect(app.output().split('\n')).toEqual([...app.log.map((line) => JSON.stringify(line)), ''])
  }
})

test('without a collector nothing of OpenTelemetry is loaded, but for what prom-client asks for', async () => {
  const isOfTracing = (name: string) => name.startsWith('@opentelemetry/') || name === 'bullmq-otel'
  const loadedWith = async (more: Record<string, string>) => {
    const system = await startSystem({ shared: { ...TELLS_LOADED, ...more } })
    const { board } = await inAnswers(system, 'a')
    const apps = [system.ingress, board, ...system.workers]
    await stopAll(apps)
    return apps.map((app) => loadedBy(app).filter(isOfTracing))
  }

  for (const loaded of await loadedWith({})) expect(['', '@opentelemetry/api']).toContain(loaded.join())
  const collector = await startCollector()
  for (const loaded of await loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })) {
    expect(loaded).toEqual(expect.arrayContaining(['@opentelemetry/sdk-trace', 'bullmq-otel']))
  }
})
