import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import type { App } from '../support/app.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type Board, startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const readOverview = async ({ ask }: Board) => (await ask('/api/overview')).body

test('the overview shows what was posted, what came of it, and the running processes with their current work', async () => {
  const system = await startSystem({ workers: 2, worker: { DOWNLOAD_STALL_MS: '60000' } })
  const { post, provider, finished, ingress, workers } = system
  const board = await system.addBoard()
  const payload = documentedPayload('split-stem', { taskId: 'whole', files: provider.url })
  expect((await post(payload)).body.status).toBe('accepted')
  expect((await post(payload)).body.status).toBe('duplicate')
  const { stems } = await finished('whole')
  const saved = Object.values(stems).filter(({ status }) => status === 'saved').length
  provider.alwaysBehave('/s/dead.mp3', { kind: 'answer', status: 404 })
  const links = { vocal_url: `${provider.url}/s/vocal.mp3`, drums_url: `${provider.url}/s/dead.mp3` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'half', vocal_separation_info: links } })
  await finished('half')
  expect((await post({ data: { task_id: 'odd', what: 'is this' } })).body.status).toBe('quarantined')

  const gate = Promise.withResolvers<void>()
  provider.behave('/s/vocal.mp3?held', { kind: 'wait', until: gate.promise })
  const held = { vocal_url: `${provider.url}/s/vocal.mp3?held` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'held', vocal_separation_info: held } })

  await expect
    .poll(async () => {
      const { last_hour, stems, quarantined, workers, ingresses } = await readOverview(board)
      return {
        last_hour,
        states: [stems.running, stems.failed, quarantined],
        ingress: ingresses.map(({ pid }: { pid: number }) => pid),
        workers: workers.map(({ pid }: { pid: number }) => pid).sort(),
        atWork: workers.flatMap((worker: { stems: { task_id: string; stem: string }[] }) =>
          worker.stems.map(({ task_id, stem }) => `${task_id} ${stem}`),
        ),
      }
    })
    .toEqual({
      last_hour: { saved: saved + 1, failed: 1 },
      states: [1, 1, 1],
      ingress: [ingress.process.pid],
      workers: workers.map(({ process }) => process.pid).sort(),
      atWork: ['held vocal'],
    })
  gate.resolve()
  await finished('held')
  await expect.poll(async () => (await readOverview(board)).stems.running).toBe(0)
  expect((await readOverview(board)).last_hour).toEqual({ saved: saved + 2, failed: 1 })
})

test('a worker that stops disappears at once, and a killed one a little later', async () => {
  const { workers, addBoard } = await startSystem({ workers: 2 })
  const [ended, killed] = workers as [App, App]
  const board = await addBoard()
  const running = async () =>
    (await readOverview(board)).workers.map(({ pid }: { pid: number }) => pid).sort((a: number, b: number) => a - b)
  const pids = workers.map(({ process }) => process.pid as number).sort((a, b) => a - b)
  await expect.poll(running).toEqual(pids)
  await ended.stop()
  expect(await running()).toEqual([killed.process.pid])
  await killed.stop('SIGKILL')
  await expect.poll(running).toEqual([])
})

test('what waits without any worker is counted, and so is a spool that cannot be delivered', async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  const system = await startSystem({ redisUrl: redis.url, workers: 0, shared: { QUARANTINE_MAX: '1' } })
  const { post, provider, ingress } = system
  const board = await system.addBoard()
  for (const taskId of ['one', 'two']) {
    await post(documentedPayload('separate-vocal', { taskId, files: provider.url }))
  }
  await post({ data: { task_id: 'odd-1', what: 'fills the quarantine' } })
  await redis.kill()
  await waitFor('the odd one is spooled', async () => {
    const { body } = await post({ data: { task_id: 'odd-2', what: 'finds it full' } })
    return body.status === 'spooled'
  })
  const came = await post(documentedPayload('separate-vocal', { taskId: 'three', files: provider.url }))
  expect(came.body.status).toBe('spooled')
  expect((await board.ask('/api/overview')).status).toBe(503)
  await redis.start()
  await waitFor('ingress has delivered what it could', async () =>
    ingress.log.some(({ msg, taskId }) => msg === 'spool.delivered' && taskId === 'three'),
  )
  await expect
    .poll(async () => {
      const { status, body } = await board.ask('/api/overview')
      if (status !== 200) return status
      const { spool, workers, ingresses, separations } = body
      return [spool.callbacks, ingresses.length, workers.length, separations.waiting]
    })
    .toEqual([1, 1, 0, 3])
  expect((await readOverview(board)).oldest_waiting_seconds.separations).toBeGreaterThan(0)
})
