import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StemError } from '@stems/domain/errors'
import { ProviderApiError } from '@stems/provider/api-error'
import type { PurchaseAnswer } from '@stems/queue/purchases'
import { expect, inject, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import type { Purchase } from '../src/register-route.ts'
import type { WholeSeparation } from '../src/separation-schemas.ts'
import { peaksOf, writeAnalyses } from './analyses.ts'
import { expectDocumented } from './matches-document.ts'
import { API_KEY, authorizationOf, LOGIN, startBoard, type TestBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker, stemBytes } from './start-worker.ts'

const redisUrl = inject('redisUrl')

const post = (board: TestBoard, body: unknown, path = '/api/separations') =>
  fetch(board.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const find = async (board: TestBoard, taskId: string): Promise<WholeSeparation> =>
  (await (await board.get(`/api/separations/${taskId}`)).json()) as WholeSeparation

const LIST = 'GET /api/separations'
const ONE = 'GET /api/separations/{taskId}'
const REGISTER = 'POST /api/separations'

test('a separation has one shape while it is expected, waits, runs and has ended, and it is the documented one', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  await post(board, { task_id: 'expected' })
  await submit(separationOf('waiting', { vocal: 'ok:', fx: null }))
  const shapes = new Set<string>()
  const look = async (taskId: string) => {
    const body = await expectDocumented(board, ONE, await board.get(`/api/separations/${taskId}`))
    shapes.add(
      Object.keys(body as object)
        .sort()
        .join(),
    )
    return body
  }
  expect(await look('expected')).toMatchObject({ status: 'expected', stems: {}, progress: {}, manifest: null })
  expect(await look('waiting')).toMatchObject({
    status: 'waiting',
    progress: { vocal: { state: 'waiting', bytes: null, total: null, attempts: 0, last_error: null } },
    manifest: null,
  })
  startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:', bass: 'gone:dead', drums: 'held:', fx: null }))
  await expect
    .poll(() => look('task-1'))
    .toMatchObject({
      status: 'downloading',
      counts: { ended: 2, total: 3 },
      progress: {
        vocal: { state: 'saved', attempts: 1, last_error: null },
        bass: { state: 'failed', attempts: 1, last_error: { code: 'gone', message: 'dead' } },
        drums: { state: 'downloading', attempts: 0 },
      },
    })
  await expect.poll(() => look('waiting')).toMatchObject({ status: 'complete' })
  const ended = await look('waiting')
  expect(ended).toMatchObject({
    manifest: await board.store.readManifest('waiting'),
    counts: { ended: 1, total: 1 },
    stems: { vocal: { status: 'saved', href: '/files/waiting/vocal.mp3' }, fx: { status: 'empty' } },
  })
  await board.queues.separations.remove('sep_waiting')
  expect(await look('waiting')).toEqual({ ...(ended as object), progress: {} }) // only the store remembers it
  expect(shapes.size).toBe(1)
})

test('audio facts are joined when a separation is read, alone and in the list', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:', drums: 'ok:', bass: 'ok:', fx: null }))
  const look = async () =>
    (await expectDocumented(board, ONE, await board.get('/api/separations/task-1'))) as WholeSeparation
  await expect.poll(look).toMatchObject({ status: 'complete' })
  const before = await look()
  expect(JSON.stringify(before)).not.toMatch(/"audio"|lengths_differ/)

  const [vocal, drums] = [{ duration_seconds: 3, silent: true as const }, { duration_seconds: 5 }]
  await writeAnalyses(board.store, 'task-1', {
    vocal: peaksOf(stemBytes('vocal'), vocal),
    drums: peaksOf(stemBytes('drums'), drums),
    bass: peaksOf(stemBytes('bytes that were replaced since'), { duration_seconds: 9 }),
  })

  const stored = await board.store.readManifest('task-1')
  const manifestStems = {
    ...stored?.stems,
    vocal: { ...stored?.stems.vocal, audio: vocal },
    drums: { ...stored?.stems.drums, audio: drums },
  }
  const stems = {
    ...before.stems,
    vocal: { ...before.stems.vocal, audio: vocal },
    drums: { ...before.stems.drums, audio: drums },
  }
  const manifest = { ...stored, lengths_differ: true, stems: manifestStems }
  expect(await look()).toEqual({ ...before, stems, manifest })
  const list = await expectDocumented(board, LIST, await board.get('/api/separations'))
  expect(list).toMatchObject({ separations: [{ task_id: 'task-1', stems }] })
  const file = await (await board.get('/files/task-1/analysis.json')).json()
  expect(file).toEqual(await board.store.readAnalysis('task-1'))

  await board.queues.separations.remove('sep_task-1') // only the store remembers it
  expect(await look()).toEqual({ ...before, stems, manifest, progress: {} })
})

test('an analysis that cannot be read hides nothing else', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(() => find(board, 'task-1')).toMatchObject({ status: 'complete' })
  const before = await find(board, 'task-1')
  await mkdir(join(board.root, 'task-1', 'analysis.json'))
  expect(await find(board, 'task-1')).toEqual(before)
  expect(board.logged()).toContain('analysis.unreadable')
})

test('the list is walked through by its cursor, and by a status', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  for (let n = 0; n < 5; n++) await submit(separationOf(`good-${n}`, { vocal: 'ok:' }))
  for (let n = 0; n < 3; n++) await submit(separationOf(`bad-${n}`, { vocal: 'gone:dead' }))
  const walk = async (query: string) => {
    const ids: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const answer = await board.get(`/api/separations?limit=2${query}${cursor && `&cursor=${cursor}`}`)
      const page = (await expectDocumented(board, LIST, answer)) as {
        separations: WholeSeparation[]
        next_cursor: string | null
      }
      ids.push(...page.separations.map(({ task_id }) => task_id))
      cursor = page.next_cursor
    }
    return ids.sort()
  }
  const [good, bad] = [
    Array.from({ length: 5 }, (_, n) => `good-${n}`),
    Array.from({ length: 3 }, (_, n) => `bad-${n}`),
  ]
  await expect.poll(() => walk('&status=complete'), { timeout: 10_000 }).toEqual(good)
  await expect.poll(() => walk('&status=failed'), { timeout: 10_000 }).toEqual(bad)
  expect(await walk('&status=waiting')).toEqual([])
  expect(await walk('')).toEqual([...bad, ...good])
})

test.each([
  ['limit', 'limit=0'],
  ['limit', 'limit=201'],
  ['limit', 'limit=x'],
  ['limit', 'limit='],
  ['limit', 'limit=1&limit=2'],
  ['status', 'status=done'],
  ['status', 'status='],
  ['cursor', 'cursor=x'],
  ['cursor', 'cursor='],
  ['cursor', 'cursor=1.'],
  ['cursor', 'cursor=1.../../etc'],
  ['cursor', 'cursor=-1.task'],
])('a bad %s is named: %s', async (field, query) => {
  const board = await startBoard(redisUrl)
  const answer = await board.get(`/api/separations?${query}`)
  expect(answer.status).toBe(400)
  expect(await expectDocumented(board, LIST, answer)).toMatchObject({ errors: [{ field }] })
})

test('a task is expected once, and known when its callback has come', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  for (let n = 0; n < 2; n++) {
    const answer = await post(board, { task_id: 'task-1' })
    expect([answer.status, await expectDocumented(board, REGISTER, answer)]).toEqual([
      202,
      { task_id: 'task-1', status: 'expected' },
    ])
  }
  await submit(separationOf('task-2', { vocal: 'ok:' }))
  expect(await (await post(board, { task_id: 'task-2' })).json()).toEqual({ task_id: 'task-2', status: 'known' })
  const page = await (await board.get('/')).text()
  expect(page).toContain('<span class="status expected">expected</span>')
  expect(page).toContain('its callback has not come')
})

test('what keeps the provider from telling is the problem of an expected separation', async () => {
  const board = await startBoard(redisUrl)
  await post(board, { task_id: 'task-1' })
  const job = await board.queues.separations.getJob('sep_task-1')
  await job?.updateData({ ...job.data, awaited: { ...job.data.awaited, problem: 'the key <b>is refused</b>' } })
  expect(await find(board, 'task-1')).toMatchObject({ status: 'expected', problem: 'the key <b>is refused</b>' })
  expect(await (await board.get('/')).text()).toContain('the key &#60;b&#62;is refused')
})

test('people register a task by a form', async () => {
  const board = await startBoard(redisUrl)
  const send = (fields: Record<string, string>) =>
    fetch(`${board.origin}/separations`, {
      method: 'POST',
      redirect: 'manual',
      headers: { authorization: authorizationOf(LOGIN), 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams(fields),
    })
  const answer = await send({ task_id: ' task-1 ' })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/'])
  expect(await find(board, 'task-1')).toMatchObject({ status: 'expected' })
  for (const fields of [{}, { task_id: '' }, { task_id: '../x' }, { ['__proto__']: 'x' }, { other: 'task-2' }]) {
    expect((await send(fields as Record<string, string>)).status).toBe(400)
  }
  expect((await send({ task_id: 'x'.repeat(2000) })).status).toBe(413)
})

test.each<[string, unknown, number, string?]>([
  ['nothing', '', 400],
  ['no JSON', '{', 400],
  ['a list', [], 400, 'body'],
  ['null', null, 400, 'body'],
  ['no field', {}, 400, 'task_id'],
  ['a path', { task_id: '../x' }, 400, 'task_id'],
  ['another field', { task_id: 'x', other: 1 }, 400, 'body'],
  ['half an order', { source_task_id: 'x', type: 'split_stem' }, 400, 'audio_id'],
  ['another type', { source_task_id: 'x', audio_id: 'y', type: 'karaoke' }, 400, 'type'],
  ['both forms', { task_id: 'x', source_task_id: 'x', audio_id: 'y', type: 'split_stem' }, 400, 'body'],
  ['an order, where nothing is bought', { source_task_id: 'x', audio_id: 'y', type: 'split_stem' }, 501],
  ['too much', { task_id: 'x'.repeat(20_000) }, 413],
])('%s is refused', async (_what, body, status, field) => {
  const board = await startBoard(redisUrl)
  const answer = await post(board, body)
  expect(answer.status).toBe(status)
  const problem = await expectDocumented(board, REGISTER, answer)
  if (field) expect(problem).toMatchObject({ errors: [{ field }] })
})

const ORDER = { source_task_id: 'song', audio_id: 'a-1', type: 'split_stem' }

test.each<[string, PurchaseAnswer, number, object]>([
  ['bought', { status: 'bought', taskId: 'task-9', isRegistered: true }, 202, { task_id: 'task-9', status: 'bought' }],
  [
    'already',
    { status: 'already', taskId: 'task-9' },
    409,
    {
      type: 'urn:stemkeeper:problem:already-bought',
      task_id: 'task-9',
      detail: expect.stringContaining('"again": true'),
    },
  ],
  ['buying', { status: 'buying' }, 409, { type: 'urn:stemkeeper:problem:being-bought' }],
  [
    'maybe',
    { status: 'maybe', why: 'No answer came.', since: '2026-01-01T00:00:00.000Z' },
    504,
    { type: 'urn:stemkeeper:problem:may-have-been-bought', detail: expect.stringContaining('No answer came.') },
  ],
])('a purchase that ends as «%s» is told so', async (_status, sale, status, body) => {
  const asked: Parameters<Purchase>[] = []
  const purchase: Purchase = async (...order) => {
    asked.push(order)
    return sale
  }
  const board = await startBoard(redisUrl, { purchase })
  const answer = await post(board, { ...ORDER, stem_name: 'drums', again: true })
  expect(answer.status).toBe(status)
  expect(await expectDocumented(board, REGISTER, answer)).toMatchObject(body)
  const order = { sourceTaskId: 'song', audioId: 'a-1', type: 'split_stem', stemName: 'drums' }
  expect(asked).toEqual([[order, { again: true }]])
})

test.each<[Error, number]>([
  [new ProviderApiError('no_credits', 'no credits'), 402],
  [new ProviderApiError('refused', 'no such song'), 422],
  [new ProviderApiError('bad_key', 'the key'), 502],
  [new ProviderApiError('unavailable', 'trouble'), 502],
  [new ProviderApiError('maintenance', 'closed'), 503],
  [new ProviderApiError('rate_limited', 'too often', { retryAfterMs: 7000 }), 503],
  [new StemError('store', 'later', 'Redis is gone'), 503],
])('%s becomes %i, and says that nothing was bought', async (error, status) => {
  const purchase: Purchase = () => Promise.reject(error)
  const board = await startBoard(redisUrl, { purchase })
  const answer = await post(board, ORDER)
  expect(answer.status).toBe(status)
  if (status === 503) expect(answer.headers.get('retry-after')).toBe(error.message === 'too often' ? '7' : '5')
  const problem = await expectDocumented(board, REGISTER, answer)
  if (error instanceof ProviderApiError) {
    expect(problem).toMatchObject({ detail: `Nothing was bought: ${error.message}` })
  }
})

test('while Redis is away a task is not registered, and that is said', async () => {
  const server = await startRedisServer()
  const board = await startBoard(server.url)
  await server.close()
  const answer = await post(board, { task_id: 'task-1' })
  expect(answer.status).toBe(503)
  expect(await expectDocumented(board, REGISTER, answer)).toMatchObject({
    detail: expect.stringContaining('Redis is away'),
  })
})

test('the document names every route for programs, and how to be let in', async () => {
  const board = await startBoard(redisUrl)
  const document = (await (await board.get('/api/openapi.json')).json()) as {
    paths: Record<string, object>
    components: { securitySchemes: object }
    security: object[]
  }
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  const served = board.routes
    .filter(({ method, url }) => /^\/(api|files)\//.test(url) && url !== '/api/openapi.json' && method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url}`)
  expect(described.filter((route) => !route.startsWith('HEAD ')).sort()).toEqual(served.sort())
  expect(document.components.securitySchemes).toMatchObject({ login: { scheme: 'basic' }, key: { scheme: 'bearer' } })
  expect(document.security).toEqual([{ login: [] }, { key: [] }])
})

test('a form is no JSON: the API refuses it', async () => {
  const board = await startBoard(redisUrl)
  const answer = await fetch(`${board.origin}/api/separations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'task_id=task-1',
  })
  expect(answer.status).toBe(415)
})
