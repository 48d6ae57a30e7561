import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import { waitFor } from '../support/wait-for.ts'
import { assertAllSaved, ownLinks } from './check-journeys.ts'
import type { Checks } from './checks.ts'
import { FILES, type Stage } from './stage.ts'

const GRACE_MS = 30_000
const SLOW_BYTES = '1600000' // four seconds at the far side's speed

/** Stops, kills and restarts. */
export const checkTroubles = async (stage: Stage, { check }: Checks, up: () => Promise<unknown>): Promise<void> => {
  const { project, post, finished, hits } = stage
  const slowCallback = () =>
    ownLinks(documentedPayload('split-stem', { files: FILES, taskId: randomUUID() }), { bytes: SLOW_BYTES })

  await check(
    'a worker that is stopped ends its downloads within the grace; nothing is lost or fetched twice',
    async () => {
      const callback = slowCallback()
      await post(callback)
      await downloadsRun(stage, callback)
      const [worker = ''] = await project.containers('worker')
      const startedAt = Date.now()
      await project.docker('stop', '--time', `${GRACE_MS / 1000}`, worker)
      assert.ok(Date.now() - startedAt < GRACE_MS, 'it had to be killed')
      assert.equal((await project.inspect(worker)).State.ExitCode, 0)
      await assertAllSaved(stage, callback, await finished(callback.data.task_id))
      assert.deepEqual(await hits(Object.values(stemLinks(callback))), Array(12).fill(1))
      await project.docker('start', worker)
    },
  )

  await check('a worker that is killed comes back by itself; the separation ends whole', async () => {
    const callback = slowCallback()
    await post(callback)
    await downloadsRun(stage, callback)
    const [, worker = ''] = await project.containers('worker')
    const before = (await project.inspect(worker)).RestartCount
    // From inside: Docker takes a `docker kill` for a stop by hand and restarts nothing.
    await project.docker('exec', worker, 'sh', '-c', KILL_APP).catch(() => undefined)
    await waitFor('the restart', async () => {
      const { RestartCount, State } = await project.inspect(worker)
      return RestartCount > before && State.Running
    })
    await assertAllSaved(stage, callback, await finished(callback.data.task_id, 60_000))
  })

  await check('Redis may be restarted while stems are under way', async () => {
    const callback = slowCallback()
    await post(callback)
    await downloadsRun(stage, callback)
    await project.compose('restart', 'redis')
    await assertAllSaved(stage, callback, await finished(callback.data.task_id))
  })

  await check(
    'a callback that comes while Redis is away is kept by ingress, over a restart too, and done later',
    async () => {
      const callback = ownLinks(documentedPayload('separate-vocal', { files: FILES, taskId: randomUUID() }))
      await project.compose('stop', 'redis')
      assert.deepEqual(await post(callback), { status: 200, body: { status: 'spooled' } })
      const [ingress = ''] = await project.containers('ingress')
      await project.docker('restart', ingress)
      await project.compose('start', 'redis')
      await assertAllSaved(stage, callback, await finished(callback.data.task_id))
      assert.deepEqual(await hits(Object.values(stemLinks(callback))), [1, 1])
    },
  )

  await check('down and up again keep the secrets, the jobs and the stems', async () => {
    const callback = ownLinks(documentedPayload('separate-vocal', { files: FILES, taskId: randomUUID() }))
    await post(callback)
    await finished(callback.data.task_id)
    await project.compose('down')
    await up()
    assert.deepEqual(await post(callback), { status: 200, body: { status: 'duplicate' } })
    await assertAllSaved(stage, callback, await finished(callback.data.task_id))
    const told = await project.compose('logs', '--no-color', '--no-log-prefix', 'secrets')
    assert.match(told, /as before/)
    assert.ok(!told.includes(stage.token), 'told once')
    assert.ok((await project.compose('run', '--rm', '-T', '--no-deps', 'secrets', '--show')).includes(stage.token))
  })
}

const downloadsRun = async ({ hits }: Stage, callback: Parameters<typeof stemLinks>[0]): Promise<void> => {
  const links = Object.values(stemLinks(callback))
  await waitFor('the downloads', async () => (await hits(links)).some((count) => count > 0))
  await sleep(500)
}

const KILL_APP = `
for process in /proc/[0-9]*; do
  case $(tr '\\0' ' ' <$process/cmdline) in node*main.ts*) kill -9 \${process#/proc/} ;; esac
done`
