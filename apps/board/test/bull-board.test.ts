import { expect, inject, test } from 'vitest'
import { startBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

const redis = { url: inject('redisUrl') }

type SeenQueue = { name: string; counts: Record<string, number>; readOnlyMode: boolean; description: string }

const boardWithFailedStem = async () => {
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  startWorker(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'gone:dead' }))
  const seen = async (): Promise<SeenQueue[]> => {
    const { queues } = (await (await board.get('/queues/api/queues')).json()) as { queues: SeenQueue[] }
    return queues
  }
  await expect.poll(async () => (await seen()).map((queue) => queue.counts.completed)).toEqual([1, 1, 0, 0, 0])
  return { board, seen }
}

test('Bull Board sees the jobs of all five queues', async () => {
  const { board, seen } = await boardWithFailedStem()
  const queues = await seen()
  expect(queues.map(({ name, readOnlyMode }) => [name, readOnlyMode])).toEqual([
    ['separations', true],
    ['stems', true],
    ['quarantine', true],
    ['notifications', true],
    ['analyses', true],
  ])
  expect(queues[1]?.counts.failed).toBe(1)
  expect(queues.every(({ description }) => description.length > 20)).toBe(true)
  const job = await board.get('/queues/api/queues/separations/sep_task-1')
  expect([job.status, await job.json()]).toMatchObject([200, { job: { id: 'sep_task-1' }, status: 'completed' }])
})

test.each([
  ['PUT', '/queues/api/queues/stems/sep_task-1.1.drums/retry/failed'],
  ['PUT', '/queues/api/queues/stems/sep_task-1.1.drums/retry'],
  ['PUT', '/queues/api/queues/stems/retry/failed'],
  ['PUT', '/queues/api/queues/stems/clean/failed'],
  ['PUT', '/queues/api/queues/stems/empty'],
  ['PUT', '/queues/api/queues/stems/obliterate'],
  ['PUT', '/queues/api/queues/pause'],
  ['PUT', '/queues/api/queues/stems/pause'],
  ['POST', '/queues/api/queues/stems/add'],
  ['PATCH', '/queues/api/queues/stems/sep_task-1.1.drums/update-data'],
])('%s %s changes nothing', async (method, path) => {
  const { board, seen } = await boardWithFailedStem()
  const answer = await board.get(path, { method })
  expect([404, 405]).toContain(answer.status)
  const stems = (await seen())[1]
  expect(stems).toMatchObject({ counts: { failed: 1, completed: 1, waiting: 0 }, isPaused: false })
})
