import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { documentedRights } from '../support/documented-rights.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const PASSWORD = 'of-the-user'

const startClustered = async (options: { replicas?: number; minReplicas?: number } = {}) => {
  const cluster = await startRedisCluster(options)
  onTestFinished(cluster.close)
  const rights = await documentedRights(PASSWORD)
  for (const node of cluster.nodes) await cluster.ask(node, ...rights)
  const shared = {
    ...cluster.env,
    REDIS_URL: `redis://stemkeeper:${PASSWORD}@no-host-is-asked-by-this-name`,
    QUEUE_PREFIX: '',
    REDIS_MIN_REPLICAS: `${options.minReplicas ?? 0}`,
  }
  const system = await startSystem({ shared, ingress: { LOG_LEVEL: 'debug' } })
  await waitFor('ingress is ready', async () => (await fetch(`${system.ingress.url}/readyz`)).ok)
  const holder = await cluster.holder(`{stemkeeper}:there`)
  return { cluster, holder, ...system }
}

test('a whole system works on a cluster of three: stems, repeats, quarantine, replay, expected tasks, the board', async () => {
  const { cluster, post, provider, finished, addBoard, sha256 } = await startClustered()
  const board = await addBoard()

  const payload = documentedPayload('split-stem', { taskId: 'task-1', files: provider.url })
  expect(await post(payload)).toMatchObject({ status: 200, body: { status: 'accepted' } })
  const { stems, status } = await finished('task-1')
  expect([status, Object.keys(stems).length]).toEqual(['complete', 13])
  for (const stem of Object.values(stems)) {
    if (stem.status === 'saved') expect(await sha256('task-1', stem.file)).toBe(stem.sha256)
  }
  expect(await post(payload)).toMatchObject({ body: { status: 'duplicate' } })

  const failed = documentedPayload('separate-vocal-failed', { taskId: 'task-2', files: provider.url })
  expect(await post(failed)).toMatchObject({ body: { status: 'accepted' } })
  await finished('task-2', ({ status }) => status === 'failed')
  const resent = documentedPayload('separate-vocal', { taskId: 'task-2', files: provider.url })
  expect(await post(resent)).toMatchObject({ body: { status: 'accepted' } })
  await finished('task-2', ({ status }) => status === 'complete')

  expect(await post({ data: { task_id: 'odd', what: 'is this' } })).toMatchObject({ body: { status: 'quarantined' } })
  expect(await board.ask('/api/quarantine')).toMatchObject({ status: 200, body: { total: 1 } })

  const before = await finished('task-1')
  expect(await board.ask('/api/separations/task-1/replay', { method: 'POST' })).toMatchObject({ status: 202 })
  await finished('task-1', ({ finished_at }) => finished_at !== before.finished_at)

  const registered = await board.ask('/api/separations', { method: 'POST', body: { task_id: 'paid-for' } })
  expect(registered.status).toBeLessThan(300)
  const listed = await board.ask('/api/separations')
  const byTask = Object.fromEntries(
    listed.body.separations.map((each: { task_id: string; status: string }) => [each.task_id, each.status]),
  )
  expect(byTask).toEqual({ 'task-1': 'complete', 'task-2': 'complete', 'paid-for': 'expected' })
  expect((await board.ask('/queues/api/queues')).status).toBe(200)
  expect(await board.ask('/api/overview')).toMatchObject({
    status: 200,
    body: { quarantined: 1, workers: [{ host: expect.any(String) }], ingresses: [{ host: expect.any(String) }] },
  })

  for (const node of cluster.nodes) expect(await cluster.ask(node, 'ACL', 'LOG')).toBe('') // nobody was refused anything
  const keys = await Promise.all(cluster.nodes.map(async (node) => Number(await cluster.ask(node, 'DBSIZE'))))
  expect(keys.filter((count) => count > 0)).toHaveLength(1) // all of it lies in one slot
})

test('the master that holds all of ours is killed, its replica takes over: both apps say so once each, and nothing is lost', async () => {
  const { cluster, holder, ingress, workers, post, provider, finished } = await startClustered({
    replicas: 3,
    minReplicas: 1,
  })
  for (const { url } of workers) await waitFor('a worker is ready', async () => (await fetch(`${url}/readyz`)).ok)
  const send = (taskId: string) => post(documentedPayload('separate-vocal', { taskId, files: provider.url }))
  expect(await send('before')).toMatchObject({ status: 200, body: { status: 'accepted' } })

  await holder.kill()
  const during = await Promise.all(['1', '2', '3'].map((each) => send(`during-${each}`)))
  expect(during.map(({ status, body }) => [status, body.status])).toEqual(during.map(() => [200, 'spooled']))
  await waitFor('its replica has taken over', async () => {
    const others = cluster.nodes.filter((node) => node !== holder)
    const roles = await Promise.all(others.map((node) => cluster.ask(node, 'INFO', 'replication')))
    return roles.filter((role) => role.startsWith('# Replication\r\nrole:master')).length === 3
  })
  await holder.start() // as a replica
  await cluster.ask(holder, ...(await documentedRights(PASSWORD)))
  await waitFor('the cluster has a replica of it again', async () => (await send('after')).body.status !== 'spooled')

  for (const taskId of ['before', 'during-1', 'during-2', 'during-3', 'after']) {
    expect(await finished(taskId)).toMatchObject({ status: 'complete' })
  }
  const told = (app: typeof ingress) =>
    app.log.map(({ msg }) => msg).filter((msg) => msg.startsWith('redis.') && msg !== 'redis.error')
  expect(told(ingress)).toEqual(['redis.ready', 'redis.away', 'redis.ready'])
  expect(workers.map((worker) => told(worker).toSorted())).toEqual([
    ['redis.away', 'redis.away', 'redis.ready', 'redis.ready', 'redis.ready', 'redis.ready'], // it has two connections
  ])
  expect(cluster.nodes).toHaveLength(6)
})
