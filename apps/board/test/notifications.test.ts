import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAnnouncer } from '@stems/queue/notifications'
import { createNotificationsWorker, UndeliveredError } from '@stems/queue/notifications-worker'
import { connectPatiently, disconnect } from '@stems/queue/redis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startApp } from '../../../test/support/app.ts'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const KEY = 'a-key-for-programs-0123456789'
const SCRIPT = '<script>alert(1)</script>'

/** The board as its users run it, over a queue of its own, in which `announce` and `work` put and take. */
const startBoard = async (redisUrl = inject('redisUrl')) => {
  const prefix = `test-${randomUUID()}`
  const folder = await mkdtemp(join(tmpdir(), 'board-store-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const board = await startApp('board', {
    ...{ REDIS_URL: redisUrl, QUEUE_PREFIX: prefix, STORE_URL: `file:${folder}`, API_KEYS: KEY },
    ...{ BOARD_PASSWORD: 'admin-password', BOARD_VIEWER_PASSWORD: 'viewer-password' },
  })
  const redis = connectPatiently({ url: redisUrl }, SILENT)
  if (redis.status !== 'ready') await once(redis, 'ready')
  const announcer = createAnnouncer({ redis, prefix })
  onTestFinished(async () => {
    disconnect(redis)
  })
  const as = (user: string) => ({ authorization: `Basic ${btoa(`${user}:${user}-password`)}` })
  const ask = (path: string, user = 'admin', method = 'GET') =>
    fetch(board.url + path, { method, redirect: 'manual', headers: as(user) })
  await waitFor('it has reached Redis', async () => (await ask('/api/notifications')).status === 200)
  /** Delivers what `answers` says by the last letter of the task: Delivered, Failed, or Later. */
  const work = async (answers = { d: 'd', f: 'f', l: 'l' } as Record<string, string>) => {
    const worker = createNotificationsWorker({
      ...{ redis, prefix, concurrency: 4, patienceMs: 86_400_000, firstWaitMs: 3600_000, longestWaitMs: 3600_000 },
      deliver: async ({ taskId }) => {
        const answer = answers[taskId.at(-1) ?? '']
        if (answer === 'd') return { status: 204 }
        throw new UndeliveredError(`app.example answered ${SCRIPT}.`, { isFinal: answer === 'f' })
      },
      onAttempt: () => {},
      log: SILENT,
    })
    onTestFinished(() => worker.close(0))
    return worker
  }
  const list = async (query = '') => (await (await ask(`/api/notifications${query}`)).json()) as Listed
  return {
    ...{ board, ask, work, list },
    page: async (path = '/notifications', user = 'admin') => (await ask(path, user)).text(),
    announce: (taskId: string, more: { type?: string; stem?: string } = {}) =>
      announcer.announce({
        id: idOf(taskId),
        type: 'separation.finished',
        taskId,
        body: `{"task":"${taskId}"}`,
        ...more,
      }),
    ended: (counts: Partial<Listed['counts']>) =>
      waitFor(`counts are ${JSON.stringify(counts)}`, async () => {
        const listed = await list()
        const isThere = Object.entries(counts).every(([state, n]) => listed.counts[state as 'failed'] === n)
        return isThere && listed.notifications.every(({ attempts }) => attempts > 0) ? listed : undefined
      }),
  }
}

type Listed = {
  total: number
  pages: number
  counts: { failed: number; waiting: number; delivered: number }
  notifications: Array<Record<string, unknown> & { task_id: string; attempts: number }>
}

const idOf = (taskId: string): string => `msg_${Buffer.from(taskId).toString('hex')}`

const actionsOn = (page: string): string[] =>
  [...page.matchAll(/<form method="post" action="([^"]+)"/g)].map(([, action]) => action ?? '')

test('people see what failed, what waits and what was delivered, with the last answer and the next try', async () => {
  const { announce, work, page, ended, ask } = await startBoard()
  expect(await page()).toContain('There are none.')
  await announce('one-d', { type: 'stem.saved', stem: 'vocal' })
  for (const taskId of ['two-f', 'three-l']) await announce(taskId)
  await work()
  await ended({ failed: 1, waiting: 1, delivered: 1 })

  const shown = await page()
  expect(
    [...shown.matchAll(/<h2>([^<]+)<\/h2><span class="status (\w+)">(\w+)/g)].map(([, ...found]) => found),
  ).toEqual([
    ['two-f', 'failed', 'failed'],
    ['three-l', 'waiting', 'waiting'],
    ['one-d', 'complete', 'delivered'],
  ])
  expect(shown).toContain('stem.saved · vocal · announced')
  expect(shown).toContain('<p class="about">answered 204.</p>')
  expect(shown).toMatch(/1 attempt\s+· next try <time/)
  expect(shown).toContain('app.example answered &#60;script&#62;')
  expect(shown).not.toContain('<script')
  expect(actionsOn(shown)).toEqual(['/notifications/replay', ...['two-f', 'three-l', 'one-d'].map(pathOf)])
  const failed = await page('/notifications/failed')
  expect([failed.includes('two-f'), failed.includes('one-d')]).toEqual([true, false])
  expect((await ask('/notifications/nonsense')).status).toBe(404)
})

const pathOf = (taskId: string) => `/notifications/${idOf(taskId)}/replay`

test('a viewer sees them and no button, and may send nothing', async () => {
  const { announce, work, page, ended, ask } = await startBoard()
  await announce('two-f')
  await work()
  await ended({ failed: 1 })
  const shown = await page('/notifications', 'viewer')
  expect(shown).toContain('two-f')
  expect(shown).not.toMatch(/<form|<button/)
  for (const path of [
    '/notifications/replay',
    '/api/notifications/replay',
    pathOf('two-f'),
    `/api${pathOf('two-f')}`,
  ]) {
    expect((await ask(path, 'viewer', 'POST')).status, path).toBe(403)
  }
  await ended({ failed: 1 })
})

test('the buttons send one again, send one now, and send all again that failed', async () => {
  const { announce, work, page, ended, ask } = await startBoard()
  for (const taskId of ['a-f', 'b-f', 'c-f', 'd-l']) await announce(taskId)
  const worker = await work()
  await ended({ failed: 3, waiting: 1 })
  await worker.close(0)
  await work({ f: 'd', l: 'd' })

  const one = await ask(pathOf('a-f'), 'admin', 'POST')
  expect([one.status, one.headers.get('location')]).toEqual([303, '/notifications?sent_again=1'])
  expect(await page('/notifications?sent_again=1')).toContain('<p role="status">Sent again: 1.</p>')
  await ended({ failed: 2, waiting: 1, delivered: 1 })
  await ask(pathOf('d-l'), 'admin', 'POST') // its next try is an hour away
  await ended({ failed: 2, waiting: 0, delivered: 2 })
  const all = await ask('/notifications/replay', 'admin', 'POST')
  expect([all.status, all.headers.get('location')]).toEqual([303, '/notifications?sent_again=2'])
  await ended({ failed: 0, waiting: 0, delivered: 4 })
})

test('programs list them, page by page and by state, and send them again', async () => {
  const { announce, work, list, ended, ask, board } = await startBoard()
  for (let n = 0; n < 51; n++) await announce(`task-${n}-${n < 2 ? 'f' : 'd'}`)
  const worker = await work()
  await ended({ failed: 2, delivered: 49 })
  await worker.close(0)

  const first = await list()
  expect(first).toMatchObject({ page: 1, pages: 2, total: 51, counts: { failed: 2, waiting: 0, delivered: 49 } })
  expect(first.notifications).toHaveLength(50)
  expect(first.notifications[0]).toEqual({
    ...{ id: idOf('task-1-f'), type: 'separation.finished', task_id: 'task-1-f', stem: null, state: 'failed' },
    ...{ attempts: 1, announced_at: expect.stringMatching(/Z$/), ended_at: expect.stringMatching(/Z$/) },
    ...{ next_try_at: null, last_answer: `app.example answered ${SCRIPT}.` },
  })
  expect((await list('?page=2')).notifications).toHaveLength(1)
  expect(await list('?state=failed')).toMatchObject({ total: 2, pages: 1, notifications: { length: 2 } })
  for (const query of ['?page=0', '?state=odd']) expect((await ask(`/api/notifications${query}`)).status).toBe(400)

  const post = (path: string) =>
    fetch(board.url + path, { method: 'POST', headers: { authorization: `Bearer ${KEY}` } })
  const one = await post(`/api${pathOf('task-0-f')}`)
  expect([one.status, await one.json()]).toEqual([202, { id: idOf('task-0-f'), state: 'waiting' }])
  expect((await post(`/api${pathOf('task-0-f')}`)).status).toBe(409) // it waits for a worker
  const all = await post('/api/notifications/replay')
  expect([all.status, await all.json()]).toEqual([200, { sent_again: 1 }])
  for (const id of ['msg_00', 'meta', '..%2f', 'a:b']) {
    expect((await post(`/api/notifications/${id}/replay`)).status, id).toBe(404)
  }
  const document = (await (await ask('/api/openapi.json')).json()) as { paths: Record<string, object> }
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/api/notifications', '/api/notifications/replay', '/api/notifications/{id}/replay']),
  )
})

test('while Redis is away the page says so', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { ask, announce } = await startBoard(server.url)
  await announce('task-f')
  server.signal('SIGSTOP')
  try {
    expect((await ask('/notifications')).status).toBe(503)
    expect((await ask('/api/notifications/replay', 'admin', 'POST')).status).toBe(503)
  } finally {
    server.signal('SIGCONT')
  }
})
