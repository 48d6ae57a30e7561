import { expect, inject, test } from 'vitest'
import { authorizationOf, LOGIN, startBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

const redisUrl = inject('redisUrl')

const boardWithPartial = async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'gone:dead' }))
  const status = async () => ((await (await board.get('/api/separations/task-1')).json()) as { status: string }).status
  await expect.poll(status, { timeout: 10_000 }).toBe('partial')
  const finishedAt = async () => (await board.store.readManifest('task-1'))?.finished_at ?? ''
  const post = (path: string, headers: Record<string, string> = {}) =>
    fetch(board.origin + path, {
      method: 'POST',
      redirect: 'manual',
      headers: { authorization: authorizationOf(LOGIN), ...headers },
    })
  return { ...board, submit, post, finishedAt }
}

test('the button of an ended separation drives it again, and its manifest is written anew', async () => {
  const { get, post, finishedAt, origin } = await boardWithPartial()
  const before = await finishedAt()
  const page = await (await get('/')).text()
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? []
  expect(action).toBe('/separations/task-1/replay')

  const answer = await post(action, {
    'content-type': 'application/x-www-form-urlencoded',
    'sec-fetch-site': 'same-origin',
    origin,
  })

  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/'])
  await expect.poll(finishedAt, { timeout: 10_000 }).not.toBe(before)
})

test('a program replays by the API, and is told what is unknown or has not ended', async () => {
  const { post } = await boardWithPartial()
  const answer = await post('/api/separations/task-1/replay')
  expect([answer.status, await answer.json()]).toEqual([202, { task_id: 'task-1', status: 'driven' }])

  expect((await post('/api/separations/nobody/replay')).status).toBe(404)
  expect((await post('/api/separations/..%2f..%2fetc/replay')).status).toBe(404)

  const idle = await startBoard(redisUrl) // nobody works here
  await startSubmitter(idle, redisUrl)(separationOf('task-2', { vocal: 'ok:' }))
  const headers = { authorization: authorizationOf(LOGIN) }
  const early = await fetch(`${idle.origin}/api/separations/task-2/replay`, { method: 'POST', headers })
  expect(early.status).toBe(409)
  expect(idle.logged()).not.toContain('already sent')
})

test.each([
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['a sister of this site', { 'sec-fetch-site': 'same-site' }],
  ['another origin', { origin: 'https://evil.example' }],
  ['a hidden origin', { origin: 'null' }],
])('an action that comes from %s is refused', async (_where, headers) => {
  const { post, finishedAt } = await boardWithPartial()
  const before = await finishedAt()
  expect((await post('/separations/task-1/replay', headers as Record<string, string>)).status).toBe(403)
  expect(await finishedAt()).toBe(before)
})
