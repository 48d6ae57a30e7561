import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { peaksOf, writeAnalyses } from './analyses.ts'
import { authorizationOf, LOGIN, startBoard, type TestBoard, VIEWER } from './start-board.ts'
import { separationOf, startSubmitter, startWorker, stemBytes } from './start-worker.ts'

const redisUrl = inject('redisUrl')

type News = { order: string[]; changed: Record<string, string> }

/** Follows a page as its script does. */
const follow = async (board: TestBoard, path: string, login = LOGIN) => {
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  const answer = await fetch(board.origin + path, {
    headers: { authorization: authorizationOf(login) },
    signal: controller.signal,
  })
  const told: News[] = []
  const shown = new Map<string, string>()
  const read = async () => {
    let text = ''
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (text + chunk).split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        const [, data] = /^event: blocks\nid: .*\ndata: (.*)$/m.exec(event) ?? []
        if (data === undefined) continue
        const news = JSON.parse(data) as News
        told.push(news)
        for (const [id, html] of Object.entries(news.changed)) shown.set(id, html)
      }
    }
  }
  let isOver = false
  read()
    .catch(() => {})
    .finally(() => {
      isOver = true
    })
  return { answer, told, shown, hasEnded: () => isOver, order: () => told.at(-1)?.order ?? [] }
}

test('a page that is looked at is told what has changed, and nothing else', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  const { answer, told, shown, order } = await follow(board, '/live/')
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  await expect.poll(order).toEqual(['notices', 'views', 'none', 'pager'])

  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(order).toEqual(['notices', 'views', 's-task-1', 'pager'])
  expect(shown.get('s-task-1')).toContain('>waiting</span>')
  const before = told.length

  startWorker(board, redisUrl)
  await submit(separationOf('task-2', { vocal: 'held:', drums: 'gone:dead' }))
  await expect.poll(() => shown.get('s-task-1')).toContain('>complete</span>')
  await expect.poll(() => shown.get('s-task-2')).toContain('downloading 1 of 2')
  expect(order()).toEqual(['notices', 'views', 's-task-2', 's-task-1', 'pager'])
  for (const { changed } of told.slice(before)) expect(Object.keys(changed)).not.toContain('notices')
})

test('what has ended is looked at again when it is driven again', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'gone:dead' }))
  const { shown } = await follow(board, '/live/')
  await expect.poll(() => shown.get('s-task-1')).toContain('failed: gone: dead')
  await submit(separationOf('task-1', { drums: 'ok:' }, { receivedAt: new Date(Date.now() + 1000).toISOString() }))
  await expect.poll(() => shown.get('s-task-1')).toContain('>complete</span>')
})

test('audio facts appear on the page of a separation that has ended, once a worker has written them', async () => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:' }))
  const { shown } = await follow(board, '/live/separations/task-1')
  await expect.poll(() => shown.get('stem-vocal')).toContain('not drawn yet')
  await writeAnalyses(board.store, 'task-1', { vocal: peaksOf(stemBytes('vocal'), { duration_seconds: 225 }) })
  await board.index.touch('task-1')
  await expect.poll(() => shown.get('stem-vocal')).toContain('<span class="fact">3:45</span>')
  expect(shown.get('stem-vocal')).toContain('<svg')
})

test('a filter holds for what is told too', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  const { order } = await follow(board, '/live/?status=complete')
  await submit(separationOf('good-1', { vocal: 'ok:' }))
  await submit(separationOf('good-2', { vocal: 'gone:dead' }))
  await expect.poll(order).toEqual(['notices', 'views', 's-good-1', 'pager'])
})

test('a viewer is told of no action, whoever else looks', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  const [admin, viewer] = [await follow(board, '/live/'), await follow(board, '/live/', VIEWER)]
  await expect.poll(() => admin.shown.get('s-task-1')).toContain('<button')
  await expect.poll(() => viewer.shown.get('s-task-1')).toContain('complete')
  expect([...viewer.shown.values()].join()).not.toContain('<button')
})

test('whoever looks is told when nothing can be told any more, and again when it can', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const board = await startBoard(server.url)
  const before = await follow(board, '/live/')
  await expect.poll(before.order).not.toEqual([])
  await server.kill()
  await expect.poll(before.hasEnded).toBe(true)
  expect((await follow(board, '/live/')).answer.status).toBe(503)
  await server.start()
  await expect.poll(async () => (await follow(board, '/live/')).answer.status).toBe(200)
})

test('a page of a search is not told of changes: each look would go through every id', async () => {
  const board = await startBoard(redisUrl)
  expect(await (await board.get('/?q=task')).text()).not.toContain('data-live')
  expect(await (await board.get('/?status=failed')).text()).toContain('data-live="/live/?status&#61;failed"')
})

test('who knows neither login nor key is told nothing', async () => {
  const board = await startBoard(redisUrl)
  expect((await fetch(`${board.origin}/live/`)).status).toBe(401)
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
