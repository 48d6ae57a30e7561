import { expect, inject, test } from 'vitest'
import { startHostileBoard } from './hostile-board.ts'
import { OUR_SCRIPTS } from './our-scripts.ts'
import { startBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

test('what strangers write is text on every page: messages, stem names, errors, reasons, payloads and their keys', async () => {
  const board = await startHostileBoard(inject('redisUrl'))
  for (const [path, times] of [
    ['/', 3],
    ['/quarantine', 5],
    ['/overview', 8],
  ] as const) {
    const page = (await (await board.get(path)).text()).replaceAll(OUR_SCRIPTS, '')
    expect(page.split('&#60;script&#62;alert(').length - 1, path).toBeGreaterThanOrEqual(times)
    expect(page, path).not.toMatch(
      /<(script|img|svg onload|iframe|style|base)|href="javascript:|http-equiv="?refresh"? content="0/,
    )
    expect(page, path).not.toContain('<svg')
    for (const tag of page.match(/<[^>]*>/g) ?? []) expect(tag).not.toMatch(/ on\w+=/)
  }
})

test('between the tags of a page is text for people, and no escape sequence', async () => {
  const board = await startBoard(inject('redisUrl'))
  startWorker(board, inject('redisUrl'))
  await startSubmitter(board, inject('redisUrl'))(separationOf('task-1', { vocal: 'ok:', drums: 'gone:dead' }))
  await expect.poll(async () => (await board.get('/')).text()).toContain('partial')
  for (const path of ['/', '/overview', '/quarantine', '/notifications', '/separations/task-1']) {
    const page = (await (await board.get(path)).text()).replaceAll(OUR_SCRIPTS, '')
    expect(page, path).toContain('</html>')
    expect(page, path).not.toMatch(/\\[nrtu]|\$\{|undefined|\[object/)
  }
})

test('programs get it as JSON, which no browser takes for a page', async () => {
  const board = await startHostileBoard(inject('redisUrl'))
  for (const path of [
    '/api/separations',
    '/api/separations/said',
    '/api/quarantine',
    '/api/overview',
    '/files/said/manifest.json',
  ]) {
    const answer = await board.get(path)
    expect(answer.headers.get('content-type'), path).toMatch(/^application\/json/)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await answer.text()).toContain('alert(')
  }
})

test('what stands in an address is repeated nowhere', async () => {
  const board = await startHostileBoard(inject('redisUrl'))
  const script = encodeURIComponent('<script>alert(1)</script>')
  for (const path of [`/${script}`, `/?page=${script}`, `/quarantine?accepted=${script}`, `/queues/${script}`]) {
    const answer = await board.get(path)
    expect(await answer.text(), path).not.toContain('alert(1)')
  }
  const queue = await board.get(`/queues/api/queues/${script}/metrics`)
  expect(queue.headers.get('content-type')).toContain('application/json')
})
