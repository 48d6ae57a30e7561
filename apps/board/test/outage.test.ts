import { expect, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { startBoard } from './start-board.ts'
import { separationOf, startSubmitter } from './start-worker.ts'

const ownRedis = async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  return redis
}

test('a board that starts without Redis says so, and lists as soon as Redis is there', async () => {
  const redis = await ownRedis()
  await redis.kill()
  const board = await startBoard(redis.url, { redisIsAway: true })
  expect((await fetch(`${board.origin}/livez`)).status).toBe(200)
  const ready = await fetch(`${board.origin}/readyz`)
  expect([ready.status, await ready.text()]).toEqual([503, '{"status":"not ready"}'])
  const page = await board.get('/', { signal: AbortSignal.timeout(2000) })
  expect(page.status).toBe(503)
  expect(page.headers.get('retry-after')).toBe('5')
  expect(await page.text()).toContain('Redis is away')
  for (const path of ['/api/separations', '/api/separations/task-1']) {
    const answer = await board.get(path, { signal: AbortSignal.timeout(2000) })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
  }
  for (const path of ['/queues/api/queues', '/queues/api/redis/stats', '/queues/api/queues/stems/sep_x']) {
    const answer = await board.get(path, { signal: AbortSignal.timeout(5000) })
    expect(answer.status).toBe(500)
  }
  expect((await board.get('/queues')).status).toBe(200)

  await redis.start()
  await expect.poll(async () => (await fetch(`${board.origin}/readyz`)).status, { timeout: 5000 }).toBe(200)
  expect((await board.get('/')).status).toBe(200)
  expect((await board.get('/queues/api/queues')).status).toBe(200)
})

test('a Redis that is killed, or that hangs, does not make anybody wait', async () => {
  const redis = await ownRedis()
  const board = await startBoard(redis.url)
  const submit = startSubmitter(board, redis.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  expect((await board.get('/')).status).toBe(200)

  redis.signal('SIGSTOP')
  const hung = await board.get('/', { signal: AbortSignal.timeout(2000) })
  expect([hung.status, (await hung.text()).includes('Redis is away')]).toEqual([503, true])
  expect((await board.get('/queues/api/queues', { signal: AbortSignal.timeout(5000) })).status).toBe(500)

  redis.signal('SIGCONT')
  await expect.poll(async () => (await board.get('/')).status, { timeout: 5000 }).toBe(200)

  await redis.kill()
  await expect.poll(async () => (await fetch(`${board.origin}/readyz`)).status).toBe(503)
  expect((await board.get('/', { signal: AbortSignal.timeout(2000) })).status).toBe(503)
  expect((await fetch(`${board.origin}/livez`)).status).toBe(200)
})
