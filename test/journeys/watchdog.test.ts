import { expect, inject, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import type { App } from '../support/app.ts'
import { startSystem } from '../support/system.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const WINDOW_MS = 2000 // WORKER_STUCK_SECONDS, and twice the DOWNLOAD_STALL_MS of these tests

const livez = async (worker: App | undefined) => {
  const response = await fetch(`${worker?.url}/livez`)
  return { code: response.status, body: (await response.json()) as { status: string; reasons?: string[] } }
}

/** A worker that reaches Redis by a way of its own. */
const startBehindProxy = async () => {
  const redisUrl = new URL(inject('redisUrl'))
  const proxy = await startTcpProxy(Number(redisUrl.port))
  redisUrl.hostname = '127.0.0.1'
  redisUrl.port = `${proxy.port}`
  const env = { REDIS_URL: redisUrl.href, WORKER_STUCK_SECONDS: '2' }
  const system = await startSystem({ workers: 0 })
  return { ...system, ...proxy, startWorker: () => system.addWorker(env) }
}

test('a worker whose connection is dead without a word says so, and a restart brings home what waited', async () => {
  const { startWorker, loseConnections, post, provider, finished } = await startBehindProxy()
  const worker = await startWorker()
  await post(documentedPayload('separate-vocal', { taskId: 'before', files: provider.url }))
  await finished('before')
  expect(await livez(worker)).toMatchObject({ code: 200 })

  loseConnections() // as a firewall, a failover or a cloud's network does: no end of the connection is ever seen
  await post(documentedPayload('separate-vocal', { taskId: 'after', files: provider.url }))

  const { body } = await waitFor('the worker says that it is stuck', async () => {
    const answer = await livez(worker)
    return answer.code === 503 ? answer : undefined
  })
  expect(body).toEqual({
    status: 'stuck',
    reasons: [expect.stringMatching(/^1 job is waiting in separations, and none taken here for \d+ s$/)],
  })
  await worker.logged('the reason', ({ msg, level }) => level === 'error' && msg.startsWith('worker.stuck'))

  await worker.stop('SIGKILL') // as an orchestrator does
  const next = await startWorker()
  expect(await finished('after')).toMatchObject({ status: 'complete' })
  expect(await livez(next)).toMatchObject({ code: 200 })
})

test('a worker that is busy with one long download while others wait is alive all the time', async () => {
  const { workers, post, provider, queue, finished } = await startSystem({
    worker: { DOWNLOAD_CONCURRENCY: '1', WORKER_STUCK_SECONDS: '2' },
  })
  const long = '/s/vocal.mp3?bytes=300000'
  provider.behave(long, { kind: 'slow', bytesPerSecond: 60_000 })
  const links = { vocal_url: provider.url + long, drums_url: `${provider.url}/s/drums.mp3` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'long', vocal_separation_info: links } })
  await waitFor('the long download runs', () => provider.hits(long) === 1)
  const stems = queue('stems')

  const startedAt = performance.now()
  const answers: number[] = []
  let waitedMs = 0
  await waitFor('the others had their turn', async () => {
    if ((await stems.getJobCountByTypes('waiting', 'prioritized')) === 0) return true
    waitedMs = performance.now() - startedAt
    answers.push((await livez(workers[0])).code)
    return false
  })

  expect(waitedMs).toBeGreaterThan(1.5 * WINDOW_MS)
  expect(new Set(answers)).toEqual(new Set([200]))
  expect(await finished('long')).toMatchObject({ status: 'complete' })
})

test('a worker that may take nothing, the queue being paused by an operator, is alive', async () => {
  const { workers, post, provider, queue, finished } = await startSystem({ worker: { WORKER_STUCK_SECONDS: '2' } })
  const stems = queue('stems')
  await stems.pause()
  await post(documentedPayload('separate-vocal', { taskId: 'paused', files: provider.url }))
  await waitFor('stems wait', async () => (await stems.getJobCountByTypes('waiting', 'prioritized')) > 0)

  const since = performance.now()
  await waitFor('the window is over', async () => {
    expect(await livez(workers[0])).toMatchObject({ code: 200 })
    return performance.now() - since > 2 * WINDOW_MS
  })

  await stems.resume()
  expect(await finished('paused')).toMatchObject({ status: 'complete' })
})
