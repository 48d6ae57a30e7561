import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { type App, spawnApp } from '../support/app.ts'
import { makeSmallDisk } from '../support/small-disk.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const startOnSmallDisk = async () => {
  const system = await startSystem({ workers: 0 })
  const disk = await makeSmallDisk(system.folder)
  const path = (stem: string) => `/s/${stem}.mp3?bytes=1000000`
  const callback = (taskId: string, ...stems: string[]) => ({
    code: 200,
    msg: 'ok',
    data: {
      task_id: taskId,
      vocal_separation_info: Object.fromEntries(stems.map((stem) => [`${stem}_url`, system.provider.url + path(stem)])),
    },
  })
  return { ...system, disk, path, callback }
}

const readyz = async (worker: App) => {
  const response = await fetch(`${worker.url}/readyz`)
  const { reasons } = (await response.json()) as { reasons?: string[] }
  return { code: response.status, reasons }
}

const figure = async (worker: App, name: string): Promise<number> => {
  const text = await (await fetch(`${worker.url}/metrics`)).text()
  return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1])
}

const DOWNLOAD_ATTEMPTS = 2

test('a full disk fails attempts for a clear reason and spends none; with room again all stems come home', async () => {
  const { addWorker, disk, callback, path, post, provider, queue, files, finished } = await startOnSmallDisk()
  await disk.fill()
  const worker = await addWorker({ STORE_RESERVE_BYTES: '0', DOWNLOAD_ATTEMPTS: `${DOWNLOAD_ATTEMPTS}` })
  const tasks = ['one', 'two']
  for (const taskId of tasks) await post(callback(taskId, 'vocal', 'drums'))

  const failures = () => worker.log.filter(({ msg, outcome }) => msg === 'stem.attempted' && outcome === 'store')
  await waitFor('more failures than there are attempts', () => failures().length > 4 * (DOWNLOAD_ATTEMPTS + 1))
  for (const { error } of failures()) expect(error).toMatch(disk.complaint)
  const stems = queue('stems')
  const postponed = await waitFor('a stem that waits for its next try', async () => {
    const [job] = await stems.getDelayed()
    return job && { attemptsMade: job.attemptsMade, ...(await stems.getJobLogs(job.id as string)) }
  })
  expect(postponed.attemptsMade).toBe(0)
  expect(postponed.logs.at(-1)).toMatch(disk.complaint)
  expect(postponed.count).toBeLessThanOrEqual(20)
  expect(await stems.getFailedCount()).toBe(0)

  await disk.free()
  for (const taskId of tasks) {
    const { status, stems } = await finished(taskId)
    expect(status).toBe('complete')
    for (const stem of ['vocal', 'drums']) {
      expect(stems[stem]).toMatchObject({ sha256: provider.file(path(stem)).sha256 })
    }
  }
  const published = (await files()).filter((file) => /^(one|two)\//.test(file))
  expect(published).toHaveLength(6)
})

test('a stem that a full disk cuts off never has its final name', async () => {
  const { addWorker, disk, callback, post, queue, files, sha256, finished, provider, path } = await startOnSmallDisk()
  const worker = await addWorker({ STORE_RESERVE_BYTES: '0' })
  await post(callback('before', 'vocal'))
  await finished('before')

  await disk.fill()
  await post(callback('cut', 'vocal'))
  await worker.logged('the disk is full', ({ outcome, taskId }) => outcome === 'store' && taskId === 'cut')
  await waitFor('it is postponed', async () => (await queue('stems').getDelayedCount()) === 1)
  expect((await files()).filter((file) => file.startsWith('cut/'))).toEqual([])

  await disk.free()
  await finished('cut')
  for (const taskId of ['before', 'cut']) {
    expect(await sha256(taskId, 'vocal.mp3')).toBe(provider.file(path('vocal')).sha256)
  }
})

test('while less than the reserve is free nothing new is fetched, and accounts are written all the same', async () => {
  const { addWorker, disk, callback, path, post, provider, queue, finished } = await startOnSmallDisk()
  const failedAtProvider = (taskId: string) => post(documentedPayload('separate-vocal-failed', { taskId }))
  const stemsWait = (count: number) =>
    waitFor(
      `${count} stems wait`,
      async () => (await queue('stems').getJobCountByTypes('waiting', 'prioritized')) === count,
    )

  await disk.squeeze()
  await post(callback('first', 'vocal'))
  await failedAtProvider('told-at-start')
  const worker = await addWorker({ STORE_RESERVE_BYTES: `${disk.reserveBytes}`, WORKER_STUCK_SECONDS: '1' })

  expect(await finished('told-at-start')).toMatchObject({ status: 'failed' })
  await stemsWait(1)
  expect(await readyz(worker)).toEqual({ code: 503, reasons: [expect.stringMatching(/^no new downloads: .*MiB free/)] })
  expect(await figure(worker, 'stemkeeper_intake_paused')).toBe(1)
  expect(await figure(worker, 'stemkeeper_store_free_bytes')).toBeLessThan(disk.reserveBytes)
  expect(await figure(worker, 'stemkeeper_store_reserve_bytes')).toBe(disk.reserveBytes)
  expect(provider.hits(path('vocal'))).toBe(0)

  await disk.free()
  expect(await finished('first')).toMatchObject({ status: 'complete' })
  await waitFor('the worker is ready', async () => (await readyz(worker)).code === 200)
  expect(await figure(worker, 'stemkeeper_intake_paused')).toBe(0)

  await disk.squeeze()
  await waitFor('the intake is paused', async () => (await readyz(worker)).code === 503)
  await post(callback('second', 'drums', 'bass'))
  await failedAtProvider('told-later')
  expect(await finished('told-later')).toMatchObject({ status: 'failed' })
  await stemsWait(2)
  expect(provider.hits(path('drums')) + provider.hits(path('bass'))).toBe(0)
  expect((await fetch(`${worker.url}/livez`)).status).toBe(200)

  await disk.free()
  expect(await finished('second')).toMatchObject({ status: 'complete' })
  const lines = worker.log.map(({ msg }) => msg).filter((msg) => msg.startsWith('intake.'))
  expect(lines).toEqual(
    ['paused: less free space than the reserve', 'resumed', 'paused: less free space than the reserve', 'resumed'].map(
      (what) => `intake.${what}`,
    ),
  )
})

test('a reserve larger than the disk stops the worker at its start with one clear line', async () => {
  const { env } = await startSystem({ workers: 0 })
  const worker = spawnApp('worker', { ...env, STORE_RESERVE_BYTES: '9007199254740991' })
  expect(await worker.ended).toMatchObject({ code: 1 })
  expect(worker.output()).toMatch(
    /^configuration: STORE_RESERVE_BYTES: 9007199254740991 is larger than the disk for downloads, which has \d+ bytes\n$/,
  )
})
