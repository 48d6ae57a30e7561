import type { Job } from 'bullmq'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import { type StandInProvider, startStandInProvider } from '../stand-in/provider.ts'
import { documentedRights } from '../support/documented-rights.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const splitStem = (files: string, taskId: string) => documentedPayload('split-stem', { files, taskId })

/** A separation of so many stems, each with a path of its own. */
const separation = (files: string, taskId: string, stems: number) => {
  const names = ['vocal', 'instrumental', 'drums', 'bass', 'guitar', 'keyboard'].slice(0, stems)
  const links = Object.fromEntries(names.map((name) => [`${name}_url`, `${files}/${taskId}/${name}.mp3`]))
  return { code: 200, msg: 'ok', data: { task_id: taskId, vocal_separation_info: links } }
}

const pathsOf = (body: ReturnType<typeof splitStem>) =>
  Object.values(stemLinks(body)).map((link) => new URL(link).pathname)

const hold = (provider: StandInProvider, paths: string[]) => {
  const gate = Promise.withResolvers<void>()
  for (const path of paths) provider.behave(path, { kind: 'wait', until: gate.promise })
  return gate
}

/** Another host: the same machine by another port. */
const startOtherHost = async () => {
  const host = await startStandInProvider()
  onTestFinished(() => host.close())
  return host
}

const BUSY = (seconds: number) => ({ kind: 'answer', status: 429, headers: { 'retry-after': `${seconds}` } }) as const

/** How long so many requests take at least: the first ones are sent at the beginning of a window of a second. */
const leastMs = (requests: number, perSecond: number) => (Math.ceil(requests / perSecond) - 1) * 1000 * 0.95

test('two workers together send as many requests a second to one host as the limit says', async () => {
  const { post, provider, finished, workers } = await startSystem({
    workers: 2,
    worker: { DOWNLOAD_HOST_REQUESTS_PER_SECOND: '3' },
  })
  const body = splitStem(provider.url, 'slowly')
  const startedAt = performance.now()
  await post(body)
  expect(await finished('slowly')).toMatchObject({ status: 'complete' })
  expect(performance.now() - startedAt).toBeGreaterThan(leastMs(pathsOf(body).length, 3))
  const metrics = await Promise.all(workers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
  expect(metrics.join()).toMatch(/stemkeeper_host_turns_refused_total\{reason="rate"\} [1-9]/)
})

test('a host that answers 429 with Retry-After is paused for all workers, spends no attempt, and slows no other host', async () => {
  const { post, provider, finished, queue } = await startSystem({ workers: 2, worker: { DOWNLOAD_CONCURRENCY: '2' } })
  const other = await startOtherHost()
  const body = splitStem(provider.url, 'busy')
  const paths = pathsOf(body)
  for (const path of paths) provider.alwaysBehave(path, BUSY(3600))

  await post(body)
  const stems = queue('stems')
  await waitFor('all wait', async () => (await stems.getJobCountByTypes('delayed')) === paths.length)
  for (let nth = 0; nth < 5; nth++) {
    await post(splitStem(other.url, `elsewhere-${nth}`))
    expect(await finished(`elsewhere-${nth}`)).toMatchObject({ status: 'complete' })
  }

  const asked = paths.reduce((sum, path) => sum + provider.hits(path), 0)
  expect(asked).toBeGreaterThan(0)
  expect(asked).toBeLessThanOrEqual(4) // those that were on their way when the first answer came
  const waiting = await stems.getDelayed()
  expect(waiting.map(({ attemptsMade }: Job) => attemptsMade)).toEqual(paths.map(() => 0))
  expect(Math.min(...waiting.map(({ delay }: Job) => delay))).toBeGreaterThan(3_500_000)
  const { logs } = await stems.getJobLogs(waiting[0]?.id as string)
  expect(logs.join('\n')).toMatch(/answered 429.* Next try in 36\d\d s\./)
})

test('a host that says that it is busy more often than there are attempts is waited for all the same', async () => {
  const { post, provider, finished, queue } = await startSystem({ worker: { DOWNLOAD_ATTEMPTS: '2' } })
  const busy = { ...BUSY(1), status: 503 }
  provider.behave('/patience/vocal.mp3', BUSY(1), busy, BUSY(1), busy)
  await post(separation(provider.url, 'patience', 1))
  expect(await finished('patience')).toMatchObject({ status: 'complete' })
  expect(provider.hits('/patience/vocal.mp3')).toBe(5)
  const [job] = await queue('stems').getCompleted()
  expect(job?.attemptsMade).toBe(1)
})

test.each([
  ['the places of a worker', { DOWNLOAD_CONCURRENCY: '4' }],
  ['the requests to a host', { DOWNLOAD_CONCURRENCY: '8', DOWNLOAD_HOST_REQUESTS_PER_SECOND: '20' }],
])('a single separation does not wait behind a bulk for %s, and all of the bulk comes home', async (_what, worker) => {
  const { post, provider, finished, queue } = await startSystem({ worker: { DOWNLOAD_STALL_MS: '60000', ...worker } })
  const stems = queue('stems')
  const bulk = Array.from({ length: 60 }, (_, nth) => `bulk-${nth}`)
  const bodies = bulk.map((taskId) => separation(provider.url, taskId, 4))
  const gate = hold(
    provider,
    bodies.flatMap((body) => pathsOf(body)),
  )
  for (const body of bodies) await post(body)
  const waiting = () => stems.getJobCountByTypes('prioritized', 'waiting', 'delayed', 'active')
  await waitFor('the bulk is planned', async () => (await waiting()) === 240)

  const window = () => Math.floor(Date.now() / 10_000)
  const before = window()
  await waitFor('somebody comes later', () => window() > before)
  await post(splitStem(provider.url, 'single'))
  await waitFor('the single one is planned', async () => (await waiting()) > 240)
  gate.resolve()

  const { finished_at: singleAt } = await finished('single')
  const manifests = await Promise.all(bulk.map((taskId) => finished(taskId)))
  expect(manifests.map(({ status }) => status)).toEqual(bulk.map(() => 'complete'))
  expect(manifests.filter(({ finished_at }) => finished_at < singleAt).length).toBeLessThan(20)
})

test('the requests to a host are limited on a cluster too, with the rights that the documentation asks for', async () => {
  const cluster = await startRedisCluster()
  onTestFinished(cluster.close)
  const rights = await documentedRights('of-the-user')
  for (const node of cluster.nodes) await cluster.ask(node, ...rights)
  const { post, provider, finished, workers, ingress } = await startSystem({
    workers: 2,
    shared: {
      ...cluster.env,
      REDIS_URL: 'redis://stemkeeper:of-the-user@no-host-is-asked-by-this-name',
      QUEUE_PREFIX: '',
    },
    worker: { DOWNLOAD_HOST_REQUESTS_PER_SECOND: '2' },
  })
  for (const { url } of [ingress, ...workers])
    await waitFor('it is ready', async () => (await fetch(`${url}/readyz`)).ok)
  const body = splitStem(provider.url, 'on-a-cluster')
  const paths = pathsOf(body)
  provider.behave(paths[0] ?? '', BUSY(1))
  const startedAt = performance.now()
  await post(body)
  expect(await finished('on-a-cluster')).toMatchObject({ status: 'complete' })
  expect(performance.now() - startedAt).toBeGreaterThan(leastMs(paths.length + 1, 2)) // by one count of both workers
  const said = workers.flatMap(({ log }) => log.map(({ msg }) => msg))
  expect(said).toContain('host.paused')
  expect(said).not.toContain('host_limit.failed')
})
