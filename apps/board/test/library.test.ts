import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '@stems/domain/manifest'
import { expect, inject, test } from 'vitest'
import type { LibraryStep } from '../src/library.ts'
import type { LibraryEntry } from '../src/separation-schemas.ts'
import { OUR_SCRIPTS } from './our-scripts.ts'
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

const idsOf = (page: string): string[] =>
  [...page.matchAll(/<h2><a href="\/separations\/([^"]+)">/g)].map(([, id = '']) => id)

const linkTo = (rel: 'next' | 'prev', page = ''): string | undefined =>
  new RegExp(`rel="${rel}" href="([^"]+)"`).exec(page)?.[1]?.replaceAll('&#61;', '=').replaceAll('&#38;', '&')

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
  expect(page.replaceAll(OUR_SCRIPTS, '')).not.toMatch(/<script|<img|<b>/)
})

test('pages hold 50 separations each, newest first', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  const first = Date.parse('2026-01-01T00:00:00Z')
  for (let n = 1; n <= 120; n++) {
    const receivedAt = new Date(first + n * 1000).toISOString()
    await submit(separationOf(`task-${n}`, { vocal: 'ok:' }, { receivedAt }))
  }
  const pages = [await html(board)]
  for (let older = linkTo('next', pages[0]); older; older = linkTo('next', pages.at(-1)))
    pages.push(await html(board, older))
  const idsOn = pages.map(idsOf)
  expect(idsOn.flat()).toEqual(Array.from({ length: 120 }, (_, index) => `task-${120 - index}`))
  expect(idsOn.map((ids) => ids.length)).toEqual([50, 50, 20])

  const newer = await html(board, linkTo('prev', pages[2]))
  expect(idsOf(newer)).toEqual(idsOn[1])
  const newest = await html(board, linkTo('prev', newer))
  expect(idsOf(newest)).toEqual(idsOn[0])
  expect([linkTo('prev', newest), linkTo('next', newest)]).toEqual([undefined, linkTo('next', pages[0])])
  expect(await html(board, '/?older=1.nobody')).toContain('nothing on this page')
  expect(idsOf(await html(board, '/?newer=1.nobody'))).toEqual(idsOn[1]?.concat(idsOn[2] ?? []).slice(20))
})

test('a filter shows one status, a search the ids that hold a text, and both together', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  for (const n of [1, 2, 3]) await submit(separationOf(`good-${n}`, { vocal: 'ok:' }))
  for (const n of [1, 2]) await submit(separationOf(`bad-${n}`, { vocal: 'gone:dead' }))
  await submit(separationOf('held-1', { vocal: 'held:' }))
  const shown = async (query: string) => idsOf(await html(board, `/${query}`)).sort()
  await expect.poll(() => shown('?status=complete')).toEqual(['good-1', 'good-2', 'good-3'])
  await expect.poll(() => shown('?status=failed')).toEqual(['bad-1', 'bad-2'])
  await expect.poll(() => shown('?status=downloading')).toEqual(['held-1'])
  expect(await shown('?status=partial')).toEqual([])
  expect(await html(board, '/?status=partial')).toContain('No separation is partial right now')
  expect(await shown('?q=-1')).toEqual(['bad-1', 'good-1', 'held-1'])
  expect(await shown('?q=GOOD')).toEqual(['good-1', 'good-2', 'good-3'])
  expect(await shown('?q=-1&status=failed')).toEqual(['bad-1'])
  expect(await html(board, '/?q=%22%3E%3Cb%3E')).toContain('No task id holds «&#34;&#62;&#60;b&#62;»')
  const page = await html(board)
  for (const count of [
    'all <small>6<',
    'complete <small>3<',
    'failed <small>2<',
    'downloading <small>1<',
    'partial <small>0<',
  ])
    expect(page).toContain(count)
})

test('the whole id finds what the list has forgotten', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(() => one(board, 'task-1')).toMatchObject({ status: 'complete' })
  await board.index.remove('task-1')
  expect(idsOf(await html(board))).toEqual([])
  expect(idsOf(await html(board, '/?q=task-1'))).toEqual(['task-1'])
})

test('what the index says wrongly is shown as the store and the queue have it', async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(() => one(board, 'task-1')).toMatchObject({ status: 'complete' })
  const receivedAt = new Date().toISOString()
  await board.index.move({ taskId: 'task-1', receivedAt, status: 'downloading' })
  await board.index.add({ taskId: 'removed-by-hand', receivedAt, status: 'complete' })
  expect(idsOf(await html(board))).toEqual(['task-1'])
  expect(await one(board, 'task-1')).toMatchObject({ status: 'complete' })
  expect(await html(board)).not.toContain('removed-by-hand')
})

test.each(['older=x', 'older=1.', 'newer=-1.task', 'older=1.a/b', 'status=done', 'q=', 'q=a&q=b', 'page=2'])(
  '«%s» makes no sense, and shows the first page',
  async (query) => {
    const board = await startBoard(redis.url)
    const submit = startSubmitter(board, redis.url)
    await submit(separationOf('task-1', { vocal: 'ok:' }))
    expect(idsOf(await html(board, `/?${query}`))).toEqual(['task-1'])
  },
)

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
