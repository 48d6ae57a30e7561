import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { expect, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { startBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

const openRedis = async (url: string) => {
  const redis = connectImpatiently({ url }, { debug: () => {}, info: () => {}, warn: () => {} })
  await once(redis, 'ready')
  onTestFinished(() => disconnect(redis))
  // A hash is read field by field: its dump has another order once Redis has moved it, which it does while it is read.
  const contentOf = async (key: string): Promise<string | Buffer> =>
    (await redis.type(key)) === 'hash'
      ? JSON.stringify(Object.entries(await redis.hgetall(key)).sort())
      : ((await redis.dumpBuffer(key)) ?? '')
  /** Every key with its value, and whether it ends by itself. */
  const dump = async (): Promise<Record<string, string>> => {
    // Workers have left these, and they expire: on a busy machine in the middle of the test.
    const keys = (await redis.keys('*')).filter((key) => !/:(stalled-check|arrivals)$/.test(key)).sort()
    const values = await Promise.all(
      keys.map(async (key) => {
        const hash = createHash('sha256').update(await contentOf(key))
        return `${hash.digest('hex')} ${(await redis.pttl(key)) >= 0 ? 'expires' : 'stays'}`
      }),
    )
    return Object.fromEntries(keys.map((key, index) => [key, values[index] ?? '']))
  }
  return { redis, dump }
}

/** Every file with its bytes and the time of its last change, and every folder with that time. */
const contentsOf = async (root: string): Promise<string[]> => {
  const paths = ['', ...(await readdir(root, { recursive: true }))].sort()
  return Promise.all(
    paths.map(async (path) => {
      const stats = await stat(join(root, path))
      const { mtimeMs, ctimeMs, ino } = stats
      const bytes = stats.isFile() ? await readFile(join(root, path), 'hex') : ''
      return `${path} ${ino} ${mtimeMs} ${ctimeMs} ${createHash('sha256').update(bytes).digest('hex')}`
    }),
  )
}

test('nothing is written by looking: after every GET that there is, Redis and the store are what they were', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const board = await startBoard(server.url)
  const submit = startSubmitter(board, server.url)
  const { dump } = await openRedis(server.url)
  await board.quarantine.keep({ taskId: 'odd', reason: 'odd', receivedAt: new Date().toISOString(), payload: [1] })
  const stopWorker = startWorker(board, server.url)
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'gone:dead' }))
  const {
    entries: [entry],
  } = await board.quarantine.list(0, 1)
  await expect.poll(async () => (await board.store.readManifest('task-1'))?.status, { timeout: 10_000 }).toBe('partial')
  await stopWorker()
  await submit(separationOf('task-2', { vocal: 'ok:' })) // waits for a worker for ever

  const before = { redis: await dump(), store: await contentsOf(board.root) }
  expect(Object.keys(before.redis).length).toBeGreaterThan(5)
  expect(before.store.length).toBeGreaterThan(3)

  const values: Record<string, string[]> = {
    ':taskId': ['task-1', 'task-2', 'odd', 'nobody'],
    ':file': ['vocal.mp3', 'vocal.peaks.json', 'manifest.json', 'analysis.json', 'none.mp3'],
    ':queueName': ['separations', 'stems', 'quarantine', 'notifications', 'analyses', 'none'],
    ':jobId': ['sep_task-1', 'sep_task-2', entry?.id ?? '', 'none'],
    '*': ['favicon.ico', 'none.js'],
  }
  const fill = (url: string): string[] => {
    const [name] = /:\w+|\*/.exec(url) ?? []
    return name ? (values[name] ?? ['none']).flatMap((value) => fill(url.replace(name, value))) : [url]
  }
  const urls = board.routes.filter(({ method }) => method === 'GET').flatMap(({ url }) => fill(url))
  const queries = [
    '',
    '?page=2',
    '?status=partial&limit=1',
    '?status=waiting&limit=1',
    '?activeQueue=stems&status=failed&page=1',
    '?accepted=1&duplicate=1&unreadable=1&unconfirmed=1',
  ]
  const statuses = new Map<number, number>()
  for (const url of urls) {
    for (const query of queries) {
      const { status, body } = await board.get(url + query)
      await body?.cancel()
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    await (await board.get(url, { method: 'HEAD' })).body?.cancel()
  }
  expect(urls.length).toBeGreaterThan(60)
  expect([...statuses.keys()].sort()).toEqual([200, 400, 404]) // 400: a status that is none of Bull Board's

  expect(await dump()).toEqual(before.redis)
  expect(await contentsOf(board.root)).toEqual(before.store)
})

test('a board that starts and is looked at leaves an empty Redis empty', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const { dump } = await openRedis(server.url)
  const board = await startBoard(server.url, { isComplete: false })
  for (const path of [
    '/',
    '/quarantine',
    '/notifications',
    '/queues/api/queues',
    '/api/separations/nobody',
    '/overview',
  ]) {
    await (await board.get(path)).body?.cancel()
  }
  expect(await dump()).toEqual({})
})
