import type { IngressHeartbeat, WorkerHeartbeat } from '@stems/domain/heartbeat'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { type Overview, overviewSchema } from '../src/overview-schema.ts'
import { layout } from '../src/pages/layout.ts'
import { overviewPage as overviewLayout } from '../src/pages/overview-page.ts'
import { putHeartbeats } from './put-heartbeats.ts'
import { API_KEY, startBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

const overviewPage = (overview: Overview): string => layout(overviewLayout(overview))

const redisUrl = inject('redisUrl')
const STARTED = new Date(Date.now() - 60_000).toISOString()

const workerOf = (id: string, more: Partial<WorkerHeartbeat> = {}): WorkerHeartbeat => ({
  ...{ app: 'worker', id, host: `host-${id}`, pid: 7, version: '1.2.3', started_at: STARTED, at: STARTED },
  ...{ leaving: false, concurrency: 8, stems_running: 0, stems: [], separations_running: 0, separations: [] },
  troubles: [],
  ...more,
})

const ingressOf = (id: string, callbacks: number, oldestAgeSeconds: number): IngressHeartbeat => ({
  ...{ app: 'ingress', id, host: `host-${id}`, pid: 8, version: '1.2.3', started_at: STARTED, at: STARTED },
  spool: { callbacks, bytes: callbacks * 100, max_bytes: 1000, oldest_seconds: oldestAgeSeconds },
})

const metricOf = (text: string, name: string): number => {
  const line = text.split('\n').find((each) => each.startsWith(`stemkeeper_${name} `))
  return Number(line?.split(' ').at(-1) ?? Number.NaN)
}

test('page, API and metrics show the same figures, which are those of what was submitted', async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  const stop = startWorker(board, redisUrl)
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'ok:', bass: 'gone:dead' }))
  await expect.poll(async () => (await board.store.readManifest('task-1'))?.status).toBe('partial')
  await stop()
  for (const id of ['task-2', 'task-3']) await submit(separationOf(id, { vocal: 'ok:' }))
  await board.quarantine.keep({ taskId: 'odd', reason: 'odd', receivedAt: STARTED, payload: 1 })
  const running = { task_id: 'task-9', stem: 'drums', bytes: 96_000, total: 904_600, since: STARTED }
  await putHeartbeats(
    board,
    workerOf('one', { stems_running: 1, stems: [running], separations_running: 1, separations: ['task-8'] }),
    workerOf('two', { troubles: [{ kind: 'intake', message: 'no new downloads' }] }),
    ingressOf('first', 2, 30),
    ingressOf('second', 1, 90),
  )

  const overview = overviewSchema.parse(await (await board.get('/api/overview')).json())
  expect(overview).toMatchObject({
    separations: { waiting: 2, running: 0, delayed: 0, failed: 0 },
    stems: { waiting: 0, running: 0, delayed: 0, failed: 1 },
    quarantined: 1,
    notifications: { waiting: 0, failed: 0 },
    last_hour: { saved: 2, failed: 1 },
    spool: { callbacks: 3, bytes: 300, oldest_seconds: 90 },
    workers: [
      { host: 'host-one', stems: [{ task_id: 'task-9', stem: 'drums' }], separations: ['task-8'] },
      { host: 'host-two', troubles: [{ kind: 'intake', message: 'no new downloads' }] },
    ],
    ingresses: [{ host: 'host-first' }, { host: 'host-second' }],
  })
  expect(overview.oldest_waiting_seconds.separations).toBeGreaterThan(0)

  const page = await (await board.get('/overview')).text()
  const metrics = await (await board.get('/metrics')).text()
  for (const [name, words] of [
    ['separations_in_state{state="waiting"}', (count: number) => `${count} waiting, 0 running, 0 put off or expected`],
    ['stems_in_state{state="failed"}', (count: number) => `${count} failed this week`],
    ['quarantined_payloads', (count: number) => `${count} payload`],
    ['spooled_callbacks', (count: number) => `${count} callbacks, 300 B, the oldest for 1 min 30 s`],
    ['workers_alive', (count: number) => `${count} workers, 2 ingress`],
    ['workers_in_trouble{trouble="intake"}', (count: number) => `${count + 2} problems`], // spool and quarantine too
  ] as const) {
    const figure = metricOf(metrics, name)
    expect(figure, name).toBeGreaterThan(0)
    expect(page, name).toContain(words(figure))
  }
  expect(metricOf(metrics, 'ingresses_alive')).toBe(2)
  expect(metrics).toMatch(/^process_cpu_seconds_total \d/m)
  expect(page).toContain('<a href="/separations/task-9">task-9</a>: drums, 96.0 kB of 904.6 kB, for 1 min')
  expect(page).toContain('<a href="/separations/task-8">task-8</a>')
  expect(page).toContain('<dt>Last hour</dt><dd>2 stems stored, 1 failed</dd>')
  expect(page).toContain('<a href="/overview">Overview</a>')
})

test('Prometheus is let in with a key, and a stranger is not', async () => {
  const board = await startBoard(redisUrl)
  const scrape = (authorization?: string) =>
    fetch(`${board.origin}/metrics`, { headers: authorization ? { authorization } : {} })
  expect((await scrape()).status).toBe(401)
  expect((await scrape('Bearer not-a-key-of-this-board')).status).toBe(401)
  const answer = await scrape(`Bearer ${API_KEY}`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    expect.stringMatching(/^text\/plain; version/),
  ])
})

test('the page says what it means when no process is running', async () => {
  const board = await startBoard(redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', { vocal: 'ok:' }))
  const page = await (await board.get('/overview')).text()
  expect(page).toContain('No worker is running.</strong> 1 job waits')
  expect(page).toContain('No ingress is running.')
})

test('while Redis is away there is no overview, and the metrics show nothing instead of old figures', async () => {
  const server = await startRedisServer()
  onTestFinished(server.close)
  const board = await startBoard(server.url)
  await putHeartbeats(board, workerOf('one'))
  expect(metricOf(await (await board.get('/metrics')).text(), 'workers_alive')).toBe(1)
  await server.kill()
  expect((await board.get('/overview')).status).toBe(503)
  expect((await board.get('/api/overview')).status).toBe(503)
  const metrics = await board.get('/metrics')
  expect(metrics.status).toBe(200)
  expect(await metrics.text()).not.toMatch(/^stemkeeper_(?!shard_up 0$)/m)
  await server.start()
  await expect.poll(async () => (await board.get('/overview')).status).toBe(200)
})

const CALM: Overview = {
  at: new Date().toISOString(),
  separations: { waiting: 0, running: 0, delayed: 0, failed: 0 },
  stems: { waiting: 0, running: 0, delayed: 0, failed: 0 },
  quarantined: 0,
  notifications: { waiting: 0, failed: 0 },
  oldest_waiting_seconds: { separations: 0, stems: 0 },
  waiting_seconds: { separations: 0, stems: 0 },
  spool: { callbacks: 0, bytes: 0, oldest_seconds: 0 },
  workers: [
    {
      ...{ host: 'host', pid: 1, version: '1.2.3', started_at: STARTED, leaving: false, concurrency: 8 },
      ...{ stems_running: 0, stems: [], separations_running: 0, separations: [], troubles: [] },
    },
  ],
  ingresses: [
    {
      ...{ host: 'host', pid: 2, version: '1.2.3', started_at: STARTED },
      spool: { callbacks: 0, bytes: 0, max_bytes: 1000, oldest_seconds: 0 },
    },
  ],
  last_hour: { saved: 0, failed: 0 },
}

const problemsOf = (more: Partial<Overview>) => overviewLayout({ ...CALM, ...more }).blocks?.[0]?.html

test('where nothing is wrong, that is said too', () => {
  expect(problemsOf({})).toContain('Nothing is wrong.')
})

test.each([
  ['stuck', 'is stuck:</strong> so it is. Restart it'],
  ['intake', 'takes no new downloads:</strong> so it is. Free space'],
  ['provider', 'sends no requests to the provider:</strong> so it is. Until it does'],
] as const)('a problem of a worker (%s) is shown first, with its remedy', (kind, words) => {
  const [worker] = CALM.workers
  const troubled = { ...(worker as Overview['workers'][number]), troubles: [{ kind, message: 'so it is' }] }
  expect(problemsOf({ workers: [troubled] })).toContain(words)
})

test.each([
  [
    { spool: { callbacks: 1, bytes: 1, oldest_seconds: 61 } },
    '1 callback waits in the spool</strong>, the oldest for 1 min 1 s',
  ],
  [{ quarantined: 2 }, '<a href="/quarantine">2 payloads are in quarantine.</a>'],
  [{ notifications: { waiting: 0, failed: 1 } }, '<a href="/notifications/failed">1 notification has failed.</a>'],
  [{ separations: { waiting: 0, running: 0, delayed: 0, failed: 1 } }, '1 separation has failed as a whole.'],
])('what is left lying is named: %j', (more, words) => {
  expect(problemsOf(more)).toContain(words)
})

test('the page shows a worker that shuts down, and how many stems are not listed', () => {
  const [worker] = CALM.workers
  const leaving = { ...(worker as Overview['workers'][number]), leaving: true, stems_running: 70 }
  const page = overviewPage({ ...CALM, workers: [leaving] })
  expect(page).toContain('Shutting down: it takes no new jobs.')
  expect(page).toContain('70 of at most 8 stems; 70 are not shown')
})

test('each part of the page has an id of its own', () => {
  expect(overviewLayout(CALM).blocks?.map(({ id }) => id)).toEqual(['problems', 'figures', 'workers', 'ingresses'])
})
