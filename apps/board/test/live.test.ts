import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { peaksOf, writeAnalyses } from './analyses.ts'
import { authorizationOf, LOGIN, startBoard, type TestBoard, VIEWER } from './start-board.ts'
import { separationOf, startSubmitter, startWorker, stemBytes } from './start-worker.ts'

const redisUrl = inject('redisUrl')

/** Looks at a page again and again, as its script does. */
const follow = (board: TestBoard, path: string, login = LOGIN) => {
  const shown = new Map<string, string>()
  let etag = ''
  const look = async (): Promise<number> => {
    const answer = await fetch(board.origin + path, {
      headers: { authorization: authorizationOf(login), 'if-none-match': etag },
    })
    const page = await answer.text()
    if (answer.status === 304) expect(answer.headers.get('content-length')).toBeNull()
    if (answer.status !== 200) return answer.status
    etag = answer.headers.get('etag') ?? ''
    shown.clear()
    for (const block of page.split('<div class="block" id="').slice(1)) {
      const [id = ''] = block.split('">', 1)
      shown.set(id, block.slice(id.length + 2))
    }
    return answer.status
  }
  const blocks = async () => {
    await look()
    return shown
  }
  return {
    look,
    order: async () => [...(await blocks()).keys()],
    html: async (id: string) => (await blocks()).get(id),
  }
}

test('a page that is looked at shows what has changed, and is sent only when something has', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  const { look, order, html } = follow(board, '/')
  expect(await order()).toEqual(['notices', 'views', 'none', 'pager'])
  expect(await look()).toBe(304)

  await submit(separationOf('task-1', { vocal: 'ok:' }))
  expect(await order()).toEqual(['notices', 'views', 's-task-1', 'pager'])
  expect(await html('s-task-1')).toContain('>waiting</span>')
  expect(await look()).toBe(304)

  startWorker(board, redisUrl)
  await submit(separationOf('task-2', { vocal: 'held:', drums: 'gone:dead' }))
  await expect.poll(() => html('s-task-1')).toContain('>complete</span>')
  await expect.poll(() => html('s-task-2')).toContain('downloading 1 of 2')
  expect(await order()).toEqual(['notices', 'views', 's-task-2', 's-task-1', 'pager'])
})

test('what has ended is looked at again when it is driven again', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'gone:dead' }))
  const { html } = follow(board, '/')
  await expect.poll(() => html('s-task-1')).toContain('failed: gone: dead')
  await submit(separationOf('task-1', { drums: 'ok:' }, { receivedAt: new Date(Date.now() + 1000).toISOString() }))
  await expect.poll(() => html('s-task-1')).toContain('>complete</span>')
})

test('audio facts appear on the page of a separation that has ended, once a worker has written them', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:' }))
  const { html } = follow(board, '/separations/task-1')
  await expect.poll(() => html('stem-vocal')).toContain('not drawn yet')
  await writeAnalyses(board.store, 'task-1', { vocal: peaksOf(stemBytes('vocal'), { duration_seconds: 225 }) })
  await board.index.touch('task-1')
  await expect.poll(() => html('stem-vocal')).toContain('<span class="fact">3:45</span>')
  expect(await html('stem-vocal')).toContain('<svg')
})

test('an ended separation that has not changed is not read from the store again for an open page', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:' }))
  const pages = [follow(board, '/'), follow(board, '/separations/task-1')] as const
  await expect.poll(() => pages[0].html('s-task-1')).toContain('>complete</span>')
  await expect.poll(() => pages[1].html('about')).toContain('>complete</span>')
  let reads = 0
  const { readManifest } = board.store
  board.store.readManifest = (taskId) => {
    reads++
    return readManifest(taskId)
  }
  for (const { look } of pages) expect(await look()).toBe(304)
  expect(reads).toBe(0)
  await board.get('/') // a page that is loaded shows what the store has
  expect(reads).toBe(1)
})

test('a viewer is shown no action while an admin has the same page open', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:' }))
  const [admin, viewer] = [follow(board, '/'), follow(board, '/', VIEWER)]
  await expect.poll(() => admin.html('s-task-1')).toContain('<button')
  expect(await viewer.html('s-task-1')).toContain('complete')
  expect(await viewer.html('s-task-1')).not.toContain('<button')
})

test('while Redis is away a page says so, and shows what is new when Redis is back', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const board = await startBoard(server.url)
  const { look } = follow(board, '/')
  expect(await look()).toBe(200)
  await server.kill()
  await expect.poll(look, { timeout: 5000 }).toBe(503)
  await server.start()
  await expect.poll(look, { timeout: 5000 }).toBe(304)
})

test('a page of a search does not look at itself: each look would go through every id', async () => {
  const board = await startBoard(redisUrl)
  expect(await (await board.get('/?q=task')).text()).not.toContain('/assets/live.js')
  expect(await (await board.get('/?status=failed')).text()).toContain('/assets/live.js')
})

test('who knows neither login nor key is told nothing', async () => {
  const board = await startBoard(redisUrl)
  expect((await fetch(`${board.origin}/assets/live.js`)).status).toBe(401)
})

test('scripts are served as they stand, and once', async () => {
  const board = await startBoard(redisUrl)
  for (const [path, type] of [
    ['/assets/live.js', 'text/javascript; charset=utf-8'],
    ['/assets/morphdom.js', 'text/javascript; charset=utf-8'],
    ['/assets/icon.svg', 'image/svg+xml'],
    ['/style.css', 'text/css; charset=utf-8'],
  ] as const) {
    const answer = await board.get(path)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type])
    const etag = answer.headers.get('etag') ?? ''
    const again = await fetch(board.origin + path, {
      headers: { authorization: authorizationOf(LOGIN), 'if-none-match': etag },
    })
    expect([again.status, await again.text()]).toEqual([304, ''])
  }
  for (const path of [
    '/assets/nothing.js',
    '/assets/tsconfig.json',
    '/assets/morphdom.d.ts',
    '/assets/..%2fpackage.json',
  ]) {
    expect((await board.get(path)).status, path).toBe(404)
  }
})
