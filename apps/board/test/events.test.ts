import { connect } from 'node:net'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { API_KEY, startBoard, type TestBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

const redisUrl = inject('redisUrl')

type Event = { event: string; id: string; data: { stem?: string; state?: string; status?: string; manifest?: unknown } }

/** Listens to the events of a task as a program does. */
const listen = async (board: TestBoard, taskId: string, headers: Record<string, string> = {}) => {
  const controller = new AbortController()
  const answer = await fetch(`${board.origin}/api/separations/${taskId}/events`, {
    headers: { authorization: `Bearer ${API_KEY}`, ...headers },
    signal: controller.signal,
  })
  onTestFinished(() => controller.abort())
  const heard = { events: [] as Event[], comments: 0, hasEnded: false }
  const read = async () => {
    let text = ''
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        if (block.startsWith(':')) heard.comments++
        const [, event = '', id = '', data = ''] = /^event: (.*)\nid: (.*)\ndata: (.*)$/.exec(block) ?? []
        if (event) heard.events.push({ event, id, data: JSON.parse(data) })
      }
    }
    heard.hasEnded = true
  }
  if (answer.status === 200) read().catch(() => {})
  return { answer, heard, hangUp: () => controller.abort() }
}

const boardThatRuns = async (url = redisUrl, options: Parameters<typeof startBoard>[1] = {}) => {
  const board = await startBoard(url, options)
  const submit = startSubmitter(board, url)
  return { board, submit }
}

test('the events tell the present state first, then what changes, and end with the manifest', async () => {
  const { board, submit } = await boardThatRuns()
  await submit(separationOf('task-1', { vocal: 'ok:', bass: 'gone:dead', fx: null }))
  const { answer, heard } = await listen(board, 'task-1')
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(answer.headers.get('cache-control')).toBe('no-store, no-transform')
  expect(answer.headers.get('x-accel-buffering')).toBe('no')
  await expect.poll(() => heard.events.map(({ event }) => event)).toEqual(['status', 'progress', 'progress'])
  expect(heard.events[0]?.data).toMatchObject({ task_id: 'task-1', status: 'waiting' })
  await expect.poll(() => heard.comments).toBeGreaterThan(1)

  startWorker(board, redisUrl)
  await expect.poll(() => heard.hasEnded, { timeout: 10_000 }).toBe(true)
  const last = heard.events.at(-1)
  const answered = await (await board.get('/api/separations/task-1')).json()
  expect([last?.event, last?.data]).toEqual(['finished', answered])
  expect(last?.data).toMatchObject({ status: 'partial', manifest: await board.store.readManifest('task-1') })
  const ends = heard.events.filter(({ data }) => data.state === 'saved' || data.state === 'failed')
  expect(ends.map(({ data }) => [data.stem, data.state]).sort()).toEqual([
    ['bass', 'failed'],
    ['vocal', 'saved'],
  ])
})

test('who comes back to what has ended gets the end again, unless he has had it', async () => {
  const { board, submit } = await boardThatRuns()
  startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(async () => (await board.store.readManifest('task-1'))?.status).toBe('complete')
  await expect.poll(async () => (await listen(board, 'task-1')).answer.status).toBe(200)
  const { heard } = await listen(board, 'task-1', { 'last-event-id': '../../nonsense' })
  await expect.poll(() => heard.hasEnded).toBe(true)
  expect(heard.events.map(({ event }) => event)).toEqual(['status', 'progress', 'finished'])
  const again = await listen(board, 'task-1', { 'last-event-id': heard.events.at(-1)?.id ?? '' })
  expect(again.answer.status).toBe(204)
})

test('an unknown task has no events', async () => {
  const { board } = await boardThatRuns()
  const { answer } = await listen(board, 'nobody')
  expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
})

test('an expected task tells when its callback comes', async () => {
  const { board, submit } = await boardThatRuns()
  await fetch(`${board.origin}/api/separations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: '{"task_id":"task-1"}',
  })
  const { heard } = await listen(board, 'task-1')
  await expect.poll(() => heard.events.map(({ data }) => data.status)).toEqual(['expected'])
  startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await expect.poll(() => heard.events.at(-1)?.event, { timeout: 10_000 }).toBe('finished')
})

test('beyond the most streams the next is refused, until somebody hangs up', async () => {
  const eventLimits = { streams: 2, everyMs: 20, heartbeatMs: 20 }
  const { board, submit } = await boardThatRuns(redisUrl, { eventLimits })
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  const first = await listen(board, 'task-1')
  await listen(board, 'task-1')
  const refused = await listen(board, 'task-1')
  expect([refused.answer.status, refused.answer.headers.get('retry-after')]).toEqual([503, '5'])
  first.hangUp()
  await expect.poll(async () => (await listen(board, 'task-1')).answer.status).toBe(200)
})

test('a task is not read any more when those who listened have gone', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { board, submit } = await boardThatRuns(server.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  const reads = async (): Promise<number> => {
    const before = await board.countReads()
    await new Promise((resolve) => setTimeout(resolve, 500))
    return (await board.countReads()) - before
  }
  const listeners = await Promise.all(Array.from({ length: 20 }, () => listen(board, 'task-1')))
  await expect.poll(() => listeners.every(({ heard }) => heard.events.length > 0)).toBe(true)
  expect(await reads()).toBeGreaterThan(0)
  for (const { hangUp } of listeners) hangUp()
  await expect.poll(reads, { timeout: 10_000 }).toBe(0)
})

test('events go on when Redis goes away and comes back', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { board, submit } = await boardThatRuns(server.url)
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  const { heard } = await listen(board, 'task-1')
  await expect.poll(() => heard.events.length).toBeGreaterThan(0)
  await server.kill()
  await expect.poll(async () => (await fetch(`${board.origin}/readyz`)).status).toBe(503)
  expect((await listen(board, 'task-1')).answer.status).toBe(503)
  const { comments } = heard
  await expect.poll(() => heard.comments).toBeGreaterThan(comments)
  expect(heard.hasEnded).toBe(false)

  await server.start()
  await expect.poll(async () => (await fetch(`${board.origin}/readyz`)).status, { timeout: 5000 }).toBe(200)
  startWorker(board, server.url)
  await expect.poll(() => heard.events.at(-1)?.event, { timeout: 20_000 }).toBe('finished')
}, 40_000)

test('a board that closes ends the streams, also of those who do not read', async () => {
  const { board, submit } = await boardThatRuns()
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  const { heard } = await listen(board, 'task-1')
  const { hostname, port } = new URL(board.origin)
  const deaf = connect(Number(port), hostname).pause()
  onTestFinished(() => void deaf.destroy())
  deaf.write(`GET /api/separations/task-1/events HTTP/1.1\r\nhost: board\r\nauthorization: Bearer ${API_KEY}\r\n\r\n`)
  await expect.poll(() => heard.comments).toBeGreaterThan(1)
  await board.server.close() // would wait for ever
  await expect.poll(() => heard.hasEnded).toBe(true)
})

test('a stream that opens while the board closes ends, and the board closes', async () => {
  const { board, submit } = await boardThatRuns()
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  const [isReading, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const { readManifest } = board.store
  board.store.readManifest = async (taskId) => {
    isReading.resolve()
    await mayGoOn.promise
    return readManifest(taskId)
  }
  const listening = listen(board, 'task-1')
  await isReading.promise
  const closing = board.server.close()
  await expect.poll(() => board.server.server.listening).toBe(false)
  mayGoOn.resolve()
  await closing
  const { heard } = await listening
  await expect.poll(() => heard.hasEnded).toBe(true)
})
