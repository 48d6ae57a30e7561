import { readFile, utimes, writeFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { runScript } from '../support/script.ts'
import { type System, startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const DAY_MS = 24 * 3600_000

/** Brings a separation home, and makes it look as if that had been so long ago: manifest, its date, and the job's end. */
const bringHome = async ({ post, provider, finished, folder, queue, env }: System, taskId: string, days: number) => {
  await post(documentedPayload('separate-vocal', { taskId, files: provider.url }))
  await finished(taskId)
  const separations = queue('separations')
  await waitFor('its job has ended', async () => (await separations.getJobState(`sep_${taskId}`)) === 'completed')
  const at = new Date(Date.now() - days * DAY_MS)
  const path = `${folder}/${taskId}/manifest.json`
  const manifest = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify({ ...manifest, finished_at: at.toISOString() }))
  await utimes(path, at, at)
  const admin = new Redis(env.REDIS_URL as string)
  await admin.zadd(separations.toKey('completed'), at.getTime(), `sep_${taskId}`)
  admin.disconnect()
}

const stemsOf = async ({ files }: System, taskId: string) =>
  (await files()).filter((file) => file.startsWith(`${taskId}/`)).length

test('a worker removes what finished more than RETAIN_STEMS_DAYS ago, files and jobs, and the board shows neither', async () => {
  const system = await startSystem()
  const { addWorker, addBoard, provider, post, finished } = system
  await bringHome(system, 'old', 40)
  await bringHome(system, 'young', 20)

  const worker = await addWorker({ RETAIN_STEMS_DAYS: '30' })
  const swept = await worker.logged('it has swept', ({ msg }) => msg === 'retention.swept')
  expect(swept).toMatchObject({ separations: 1, files: 2, busy: 0, failed: 0 })

  expect([await stemsOf(system, 'old'), await stemsOf(system, 'young')]).toEqual([0, 3])
  const { ask } = await addBoard()
  const { body } = await ask('/api/separations')
  expect(new Set(body.separations.map(({ task_id }: { task_id: string }) => task_id))).toEqual(new Set(['young']))
  expect((await ask('/api/separations/old')).status).toBe(404)
  expect(await (await fetch(`${worker.url}/metrics`)).text()).toContain('stemkeeper_retention_removed_total 1')

  // A callback that comes again after that is a new one.
  const answer = await post(documentedPayload('separate-vocal', { taskId: 'old', files: provider.url }))
  expect(answer.body).toEqual({ status: 'accepted' })
  expect(await finished('old')).toMatchObject({ status: 'complete' })
})

test('with RETAIN_DRY_RUN a worker tells what it would remove, and removes nothing', async () => {
  const system = await startSystem()
  await bringHome(system, 'old', 40)
  const worker = await system.addWorker({ RETAIN_STEMS_DAYS: '30', RETAIN_DRY_RUN: 'true' })
  const told = await worker.logged('what would go', ({ msg }) => msg.startsWith('retention.dry_run'))
  expect(told).toMatchObject({ separations: 1, files: 2 })
  expect(await (await fetch(`${worker.url}/metrics`)).text()).toContain('stemkeeper_retention_due 1')
  expect(await stemsOf(system, 'old')).toBe(3)
})

test('npm run retain tells what would go, and removes it; what is being driven again stays', async () => {
  const system = await startSystem()
  const { env, queue } = system
  for (const taskId of ['old', 'driven']) await bringHome(system, taskId, 40)
  const [worker] = system.workers
  await worker?.stop()
  const replay = runScript('replay', '/tmp', env, 'driven')
  expect(await replay.ended).toBe(0)

  const dry = runScript('retain', '/tmp', { ...env, RETAIN_STEMS_DAYS: '30' }, '--dry-run', '--list')
  expect(await dry.ended).toBe(0)
  expect(dry.output()).toMatch(/^old \S+Z \d+$/m)
  expect(dry.output()).toMatch(/^would remove 2 separations, 4 stems, \d+ bytes, finished from \S+ to \S+$/m)
  expect([await stemsOf(system, 'old'), await stemsOf(system, 'driven')]).toEqual([3, 3])

  const retain = runScript('retain', '/tmp', { ...env, RETAIN_STEMS_DAYS: '30' })
  expect(await retain.ended).toBe(0)
  expect(retain.output()).toMatch(/^removed 1 separations, 2 stems, \d+ bytes, .*; 1 are being worked on$/m)
  expect([await stemsOf(system, 'old'), await stemsOf(system, 'driven')]).toEqual([0, 3])
  expect(await queue('separations').getJob('sep_old')).toBeUndefined()
  expect(await queue('separations').getJobState('sep_driven')).toBe('waiting')

  const unset = runScript('retain', '/tmp', env)
  expect(await unset.ended).toBe(1)
  expect(unset.output()).toBe('RETAIN_STEMS_DAYS is not set: everything is kept for ever\n')
})

test('everybody shows the same waiting time, ingress too when there is no worker', async () => {
  const system = await startSystem({ workers: 2 })
  const waiting = async (url: string) =>
    /^stemkeeper_waiting_seconds\{queue="separations"\} (\S+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]
  for (const { url } of [system.ingress, ...system.workers]) expect(await waiting(url)).toBe('0')
  await Promise.all(system.workers.map((worker) => worker.stop()))
  await system.post(documentedPayload('separate-vocal', { taskId: 'waits', files: system.provider.url }))
  await waitFor('its time is told', async () => Number(await waiting(system.ingress.url)) > 0)
})
