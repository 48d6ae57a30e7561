import { expect, inject, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { authorizationOf, LOGIN, startBoard, type TestBoard, VIEWER } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

const redisUrl = inject('redisUrl')

const readable = (taskId: string) => ({
  code: 200,
  msg: 'ok',
  data: { task_id: taskId, vocal_separation_info: { vocal_url: 'https://file.aiquickdraw.com/s/vocal.mp3' } },
})
const odd = (taskId: string) => ({ data: { task_id: taskId, tracks: [{ song: null }, 1.5] } })

const keep = (board: TestBoard, taskId: string, payload: unknown) =>
  board.quarantine.keep({ taskId, reason: 'data: was too new', receivedAt: '2026-01-02T03:04:05.000Z', payload })

const post = (board: TestBoard, path: string) =>
  fetch(board.origin + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { authorization: authorizationOf(LOGIN), 'content-type': 'application/x-www-form-urlencoded' },
  })

const actionsOn = (page: string): string[] =>
  [...page.matchAll(/<form method="post" action="([^"]+)"/g)].map(([, action]) => action ?? '')

test('the page shows what is held, why, since when, and the payload', async () => {
  const board = await startBoard(redisUrl)
  expect(await (await board.get('/quarantine')).text()).toContain('Nothing is in quarantine.')
  await keep(board, 'task-1', odd('task-1'))
  const page = await (await board.get('/quarantine')).text()
  expect(page).toContain('<h2>task-1</h2>')
  expect(page).toContain('data: was too new')
  expect(page).toContain('2026-01-02 03:04:05 UTC')
  expect(page).toMatch(/<details><summary>Payload<\/summary><pre>\{\n {2}&#34;data&#34;: \{/)
  expect(actionsOn(page)).toEqual(['/quarantine/release', '/quarantine/task-1/release'])
  const [, job = ''] = /href="(\/queues\/queue\/quarantine\/[^"]+)"/.exec(page) ?? []
  expect((await board.get(job.replace('/queue/', '/api/queues/'))).status).toBe(200)
})

test('a link with the count leads there while something is held', async () => {
  const board = await startBoard(redisUrl)
  const link = async () => /<a href="\/quarantine">([^<]+)</.exec(await (await board.get('/')).text())?.[1]
  expect(await link()).toBeUndefined()
  for (const taskId of ['a', 'b']) await keep(board, taskId, odd(taskId))
  expect(await link()).toBe('Quarantine (2)')
})

test('a viewer sees it, and no button on any page', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await keep(board, 'odd', odd('odd'))
  await startSubmitter(board, redisUrl)(separationOf('ended', { vocal: 'ok:' }))
  await expect.poll(async () => actionsOn(await (await board.get('/')).text())).toEqual(['/separations/ended/replay'])
  for (const path of ['/', '/quarantine']) {
    const answer = await fetch(board.origin + path, { headers: { authorization: authorizationOf(VIEWER) } })
    const page = await answer.text()
    expect(page).toContain('Quarantine (1)')
    expect(page).toContain(path === '/' ? 'href="/separations/ended"' : '<h2>odd</h2>')
    expect(actionsOn(page)).toEqual([])
    expect(page).not.toMatch(/<(form|button)(?! role="search"|>Search)/)
  }
})

test('the button tries all again, says what has come of it, and leaves what cannot be read yet', async () => {
  const board = await startBoard(redisUrl)
  for (const taskId of ['new', 'known']) await keep(board, taskId, readable(taskId))
  await keep(board, 'odd', odd('odd'))
  await post(board, '/api/quarantine/known/release')
  await keep(board, 'known', readable('known'))

  const answer = await post(board, '/quarantine/release')
  expect(answer.status).toBe(303)
  const page = await (await board.get(answer.headers.get('location') ?? '')).text()
  expect(page).toContain('Tried again: 1 accepted, 1 known already, 1 still not readable,')
  expect(page).toContain('<h2>odd</h2>')
  expect(page).not.toContain('was too new') // the reason is that of today
  expect(page).not.toMatch(/<h2>(new|known)/)
  for (const taskId of ['new', 'known']) {
    const found = await (await board.get(`/api/separations/${taskId}`)).json()
    expect(found).toMatchObject({ task_id: taskId, received_at: '2026-01-02T03:04:05.000Z' })
  }
})

test('the button of one task tries only its payloads again', async () => {
  const board = await startBoard(redisUrl)
  for (const taskId of ['a', 'b']) await keep(board, taskId, readable(taskId))
  expect((await post(board, '/quarantine/a/release')).status).toBe(303)
  expect((await board.quarantine.list(0, 10)).entries.map(({ taskId }) => taskId)).toEqual(['b'])
})

test('programs list and release by the API', async () => {
  const board = await startBoard(redisUrl)
  for (let n = 0; n < 21; n++) await keep(board, `task-${n}`, n < 20 ? readable(`task-${n}`) : odd(`task-${n}`))
  const listed = await (await board.get('/api/quarantine?page=1')).json()
  expect(listed).toMatchObject({ page: 1, pages: 2, total: 21, entries: { length: 20 } })
  expect((listed as { entries: unknown[] }).entries[0]).toEqual({
    kind: 'shape',
    id: expect.stringMatching(/^quarantine_task-20\./),
    task_id: 'task-20',
    reason: 'data: was too new',
    received_at: '2026-01-02T03:04:05.000Z',
    payload: odd('task-20'),
  })
  expect(await (await board.get('/api/quarantine?page=2')).json()).toMatchObject({ entries: { length: 1 } })
  expect((await board.get('/api/quarantine?page=0')).status).toBe(400)
  expect(await (await board.get('/quarantine?page=2')).text()).toContain('page 2 of 2, 21 payloads')

  const one = await post(board, '/api/quarantine/task-3/release')
  expect([one.status, await one.json()]).toEqual([200, { accepted: 1, duplicate: 0, unreadable: 0, unconfirmed: 0 }])
  const all = await post(board, '/api/quarantine/release')
  expect([all.status, await all.json()]).toEqual([200, { accepted: 19, duplicate: 0, unreadable: 1, unconfirmed: 0 }])
  for (const path of [
    '/api/quarantine/task-3/release',
    '/quarantine/nobody/release',
    '/api/quarantine/..%2f/release',
  ]) {
    expect((await post(board, path)).status).toBe(404)
  }
})

test('a payload longer than a page can show is cut there, and whole in the API', async () => {
  const board = await startBoard(redisUrl)
  await keep(board, 'long', { data: 'x'.repeat(200_000) })
  const page = await (await board.get('/quarantine')).text()
  expect(page.length).toBeLessThan(60_000)
  expect(page).toContain('It goes on')
  const { entries } = (await (await board.get('/api/quarantine')).json()) as { entries: Array<{ payload: unknown }> }
  expect(entries[0]?.payload).toEqual({ data: 'x'.repeat(200_000) })
})

test('while Redis is away a release says so and loses nothing', async () => {
  const server = await startRedisServer()
  const board = await startBoard(server.url)
  await keep(board, 'task-1', readable('task-1'))
  server.signal('SIGSTOP')
  try {
    const away = await post(board, '/api/quarantine/release')
    expect([away.status, away.headers.get('content-type')]).toEqual([503, 'application/problem+json'])
    expect((await board.get('/quarantine')).status).toBe(503)
  } finally {
    server.signal('SIGCONT')
  }
  await expect.poll(() => board.quarantine.count().catch(() => undefined), { timeout: 5000 }).toBe(1)
  await server.close()
})
