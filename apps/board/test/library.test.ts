import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '@stems/domain/manifest'
import { expect, inject, test } from 'vitest'
import type { LibraryStep } from '../src/library.ts'
import type { LibraryEntry } from '../src/separation-schemas.ts'
import { startBoard, type TestBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker, stemBytes } from './start-worker.ts'

const redis = { url: inject('redisUrl') }

const list = async (board: TestBoard): Promise<LibraryStep> =>
  (await board.get('/api/separations?limit=200')).json() as Promise<LibraryStep>

const one = async (board: TestBoard, taskId: string): Promise<LibraryEntry> => {
  const { separations } = await list(board)
  const found = separations.find((entry) => entry.task_id === taskId)
  if (!found) throw new Error(`${taskId} is not listed`)
  return found
}

const html = async (board: TestBoard, path = '/'): Promise<string> => (await board.get(path)).text()

test('an empty library says that nothing has come in yet', async () => {
  const board = await startBoard(redis.url)
  expect(await html(board)).toContain('Nothing has come in yet')
})

test('a separation waits until a worker takes it', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:', fx: null }))
  expect(await one(board, 'task-1')).toMatchObject({
    status: 'waiting',
    type: 'split_stem',
    finished_at: null,
    manifest_url: null,
    stems: { vocal: { status: 'pending' }, fx: { status: 'empty' } },
  })
  expect(await html(board)).toContain('<meta http-equiv="refresh"')
})

test('a separation that runs shows how many of its stems have ended', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:', bass: 'gone:dead', drums: 'held:', fx: null }))
  await expect
    .poll(() => one(board, 'task-1'))
    .toMatchObject({
      status: 'downloading',
      counts: { ended: 2, total: 3 },
    })
  expect(await html(board)).toContain('downloading 2 of 3')
  const state = await board.get('/api/separations/task-1')
  expect([state.status, await state.json()]).toMatchObject([200, { status: 'downloading', counts: { ended: 2 } }])
})

test('a complete separation links its files and its manifest', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:', fx: null }))
  await expect
    .poll(() => one(board, 'task-1'))
    .toMatchObject({
      status: 'complete',
      counts: { ended: 1, total: 1 },
      manifest_url: '/files/task-1/manifest.json',
      stems: { vocal: { status: 'saved', href: '/files/task-1/vocal.mp3', bytes: 70_000 }, fx: { status: 'empty' } },
    })
  const page = await html(board)
  expect(page).toContain('<a href="/files/task-1/vocal.mp3">vocal.mp3</a>')
  expect(page).toContain('70.0 kB')
  expect(page).toContain('<a href="/files/task-1/manifest.json">')
  expect(page).toContain('empty: the provider gave no link')
  expect(page).not.toContain('http-equiv')
})

test('partial and failed separations give their reasons', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('some', { vocal: 'ok:', drums: 'gone:the file is deleted' }))
  await submit(separationOf('none', { vocal: 'gone:nobody home' }))
  await submit(separationOf('refused', {}, { code: 500, msg: 'audio could not be split' }))
  await expect
    .poll(async () => (await list(board)).separations.map(({ task_id, status }) => [task_id, status]).sort())
    .toEqual([
      ['none', 'failed'],
      ['refused', 'failed'],
      ['some', 'partial'],
    ])
  const page = await html(board)
  expect(page).toContain('failed: gone: the file is deleted')
  expect(page).toContain('failed: gone: nobody home')
  expect(page).toContain('The provider said: 500 audio could not be split')
})

test('a separation that is driven again keeps its files open to all', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'gone:dead' }))
  await expect.poll(() => one(board, 'task-1')).toMatchObject({ status: 'partial' })
  await submit(separationOf('task-1', { vocal: 'held:', drums: 'held:' }))
  await expect
    .poll(() => one(board, 'task-1'))
    .toMatchObject({
      status: 'downloading',
      counts: { ended: 0, total: 2 },
      stems: { vocal: { status: 'saved', href: '/files/task-1/vocal.mp3' }, drums: { status: 'pending' } },
    })
})

test('an ended separation without a readable manifest says so', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(() => one(board, 'task-1')).toMatchObject({ status: 'complete' })
  await writeFile(join(board.root, 'task-1', 'manifest.json'), '{')
  expect(await one(board, 'task-1')).toMatchObject({ status: 'complete', problem: expect.stringContaining('manifest') })
})

test('what the provider wrote is text, never markup', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`
  await submit(separationOf('task-1', { vocal: `gone:${hostile}` }, { code: 400, msg: hostile }))
  await expect.poll(() => one(board, 'task-1')).toMatchObject({ status: 'failed' })
  const manifest = (await board.store.readManifest('task-1')) as Manifest
  const stems = { ...manifest.stems, '<b>"drums"</b>': { status: 'empty' as const } }
  await board.store.writeManifest({ ...manifest, stems })
  const page = await html(board)
  expect(page).toContain('alert(1)')
  expect(page).toContain('&#60;b&#62;')
  expect(page).not.toMatch(/<script|<img|<b>/)
})

test('pages hold 50 separations each, newest first', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  const first = Date.parse('2026-01-01T00:00:00Z')
  for (let n = 1; n <= 120; n++) {
    const receivedAt = new Date(first + n * 1000).toISOString()
    await submit(separationOf(`task-${n}`, { vocal: 'ok:' }, { receivedAt }))
  }
  const pages = await Promise.all([1, 2, 3, 4].map((page) => html(board, `/?page=${page}`)))
  const idsOn = pages.map((page) => [...page.matchAll(/<h2>([^<]+)<\/h2>/g)].map(([, id]) => id))
  expect(idsOn.flat()).toEqual(Array.from({ length: 120 }, (_, index) => `task-${120 - index}`))
  expect(idsOn.map((ids) => ids.length)).toEqual([50, 50, 20, 0])

  const second = await html(board, '/?page=2')
  expect(second).toContain('page 2 of 3, 120 separations')
  expect(second).toContain('href="/?page=1"')
  expect(second).toContain('href="/?page=3"')
  expect(await html(board, '/?page=9999')).toContain('nothing on this page')
})

test('a page is cut across running and ended separations', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  for (let n = 1; n <= 49; n++) await submit(separationOf(`ended-${n}`, { vocal: 'ok:' }))
  await expect
    .poll(async () => (await list(board)).separations.filter(({ status }) => status === 'complete').length)
    .toBe(49)
  for (let n = 1; n <= 3; n++) await submit(separationOf(`running-${n}`, { vocal: 'held:' }))
  await expect
    .poll(async () => (await list(board)).separations.filter(({ status }) => status === 'downloading').length)
    .toBe(3)
  const pages = await Promise.all([html(board), html(board, '/?page=2')])
  const [newest = [], oldest = []] = pages.map((page) => [...page.matchAll(/<h2>([^<]+)<\/h2>/g)].map(([, id]) => id))
  expect(newest.slice(0, 3)).toEqual(['running-3', 'running-2', 'running-1'])
  expect([newest.length, oldest.length]).toEqual([50, 2])
  expect(new Set([...newest, ...oldest]).size).toBe(52)
})

test.each(['0', '-1', 'x', '1.5', '1e3', ''])('page «%s» of the list is the first', async (page) => {
  const board = await startBoard(redis.url)
  expect((await board.get(`/?page=${page}`)).status).toBe(200)
})

test('a program gets the manifest of an ended separation, and a problem for an unknown one', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(() => one(board, 'task-1')).toMatchObject({ status: 'complete' })
  const manifest = await board.store.readManifest('task-1')
  expect(await (await board.get('/api/separations/task-1')).json()).toMatchObject({ status: 'complete', manifest })
  for (const id of ['task-2', 'a%2Fb', '..%2f..', 'task-1%3Aprocessed']) {
    const unknown = await board.get(`/api/separations/${id}`)
    expect(unknown.status).toBe(404)
    expect(unknown.headers.get('content-type')).toContain('application/problem+json')
    expect(await unknown.json()).toMatchObject({ status: 404, title: 'Not Found' })
  }
})

test('a manifest is found when the queue has forgotten the separation', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(() => one(board, 'task-1')).toMatchObject({ status: 'complete' })
  await board.queues.separations.remove('sep_task-1')
  expect(await (await board.get('/api/separations/task-1')).json()).toMatchObject({ status: 'complete' })
  expect((await (await board.get('/files/task-1/vocal.mp3')).bytes()).length).toBe(stemBytes('vocal').length)
})
