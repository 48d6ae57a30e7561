import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RetireOptions, type RetiringJobs, retire } from '@stems/queue/retire'
import { createFileStore } from '@stems/store/file-store'
import { expect, onTestFinished, test } from 'vitest'
import { asNobody } from '../../../packages/store/test/as-nobody.ts'
import { standInForSync } from '../../../packages/store/test/stand-in-for-sync.ts'
import { manifestOf, publish } from '../../../packages/store/test/stem-store.suite.ts'
import { waitFor } from '../../../test/support/wait-for.ts'

const DAY_MS = 24 * 3600_000
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS)

/** Jobs of which nobody knows any. */
const NO_JOBS: RetiringJobs = { hold: async () => 'held', release: async () => {}, forget: async () => {} }

const startStore = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-retire-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const store = createFileStore(folder)
  /** A separation that finished so long ago, and whose manifest was written then. */
  const finished = async (taskId: string, days: number, writtenDaysAgo = days) => {
    await publish(store, taskId, 'vocal', 'some bytes')
    const manifest = manifestOf(taskId)
    const saved = { status: 'saved', file: 'vocal.mp3', bytes: 10, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' }
    const at = daysAgo(days).toISOString()
    const vocal = { ...saved, status: 'saved' as const, source_url: 'https://host/vocal.mp3', saved_at: at }
    await store.writeManifest({ ...manifest, status: 'complete', finished_at: at, stems: { vocal } })
    await utimes(join(folder, taskId, 'manifest.json'), new Date(), daysAgo(writtenDaysAgo))
    return at
  }
  const sweep = (more: Partial<RetireOptions> = {}) =>
    retire({ store, jobs: NO_JOBS, retainMs: 30 * DAY_MS, isDryRun: false, onFailed: () => {}, ...more })
  const tasks = async () => (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
  return { folder, store, finished, sweep, tasks }
}

test('what finished long ago goes, files and manifest, and what is younger stays', async () => {
  const { store, finished, sweep, tasks, folder } = await startStore()
  const [oldest, newest] = [await finished('oldest', 90), await finished('old', 31)]
  await finished('young', 29)
  expect(await sweep()).toEqual({ separations: 2, files: 2, bytes: 20, oldest, newest, busy: 0, failed: 0 })
  expect(await tasks()).toEqual(['young'])
  expect(await readdir(join(folder, '.removed'))).toEqual([])
  expect(await store.find('young', 'vocal')).toMatchObject({ bytes: 10 })
  expect(await sweep()).toMatchObject({ separations: 0, oldest: null })
})

test('a dry run tells the same, and changes nothing', async () => {
  const { finished, sweep, tasks } = await startStore()
  await finished('old', 31)
  await finished('young', 29)
  const gone: string[] = []
  const jobs: RetiringJobs = { ...NO_JOBS, hold: () => Promise.reject(new Error('nobody may be held')) }
  const told = await sweep({ jobs, isDryRun: true, onGone: ({ taskId }) => gone.push(taskId) })
  expect(told).toMatchObject({ separations: 1, bytes: 10, files: 1 })
  expect([gone, await tasks()]).toEqual([['old'], ['old', 'young']])
})

test('what was put back from a copy counts from then; what has no manifest that can be read is left alone', async () => {
  const { folder, finished, sweep, tasks } = await startStore()
  await finished('put-back', 90, 1)
  await finished('broken', 90)
  await writeFile(join(folder, 'broken', 'manifest.json'), '{')
  await utimes(join(folder, 'broken', 'manifest.json'), new Date(), daysAgo(90))
  await mkdir(join(folder, 'unfinished'))
  await writeFile(join(folder, 'a-file'), '')
  await finished('elsewhere', 90)
  await writeFile(join(folder, 'elsewhere', 'manifest.json'), JSON.stringify(manifestOf('another')))
  await utimes(join(folder, 'elsewhere', 'manifest.json'), new Date(), daysAgo(90))
  expect(await sweep()).toMatchObject({ separations: 0, failed: 0 })
  expect(await tasks()).toEqual(['a-file', 'broken', 'elsewhere', 'put-back', 'unfinished'])
})

test('what somebody works on is left alone: by its note, by its job', async () => {
  const { store, finished, sweep, tasks } = await startStore()
  for (const taskId of ['noted', 'driven', 'old']) await finished(taskId, 90)
  await store.noteOpen({
    taskId: 'noted',
    type: 'unknown',
    code: 200,
    msg: '',
    receivedAt: daysAgo(0).toISOString(),
    stems: [],
  })
  const hold: RetiringJobs['hold'] = async (taskId) => (taskId === 'driven' ? 'busy' : 'held')
  expect(await sweep({ jobs: { ...NO_JOBS, hold } })).toMatchObject({ separations: 1, busy: 2 })
  expect(await tasks()).toEqual(['driven', 'noted'])
})

test('jobs are held before the files go, and forgotten after', async () => {
  const { store, finished, sweep } = await startStore()
  await finished('old', 90)
  const steps: string[] = []
  const isThere = async (step: string) => {
    steps.push(`${step} ${(await store.readManifest('old')) ? 'with' : 'without'} a manifest`)
  }
  const hold = () => isThere('held').then(() => 'held' as const)
  await sweep({ jobs: { ...NO_JOBS, hold, forget: () => isThere('forgotten') } })
  expect(steps).toEqual(['held with a manifest', 'forgotten without a manifest'])
})

test('one that cannot be removed is released, and keeps none of the others', async () => {
  const { store, finished, sweep, tasks } = await startStore()
  for (const taskId of ['stubborn', 'old', 'older']) await finished(taskId, 90)
  const released: string[] = []
  const failed: string[] = []
  const told = await sweep({
    store: {
      ...store,
      removeSeparation: (taskId) =>
        taskId === 'stubborn' ? Promise.reject(new Error('no')) : store.removeSeparation(taskId),
    },
    jobs: { ...NO_JOBS, release: async (taskId) => void released.push(taskId) },
    onFailed: (taskId, error) => failed.push(`${taskId}: ${error.message}`),
  })
  expect(told).toMatchObject({ separations: 2, failed: 1 })
  expect([released, failed, await tasks()]).toEqual([['stubborn'], ['stubborn: no'], ['stubborn']])
})

test('a sweep that nothing succeeds in ends soon', async () => {
  const { finished, sweep, tasks } = await startStore()
  for (let index = 0; index < 30; index += 1) await finished(`old-${index}`, 90)
  const hold = () => Promise.reject(new Error('Redis is away'))
  expect((await sweep({ jobs: { ...NO_JOBS, hold } })).failed).toBeLessThan(15)
  expect(await tasks()).toHaveLength(30)
})

test('what a removal that was killed has left is seen by nobody, and goes with the next one', async () => {
  const { folder, store, finished, sweep, tasks } = await startStore()
  await finished('killed', 90)
  await mkdir(join(folder, '.removed', 'left'), { recursive: true })
  await writeFile(join(folder, '.removed', 'left', 'vocal.mp3'), 'bytes')
  await sweep()
  expect([await tasks(), await readdir(join(folder, '.removed'))]).toEqual([[], []])
  expect(await store.readManifest('killed')).toBeUndefined()
})

test('nobody takes away what another has hidden, before that has reached the disk', async () => {
  const { folder, store, finished } = await startStore()
  for (const taskId of ['one', 'other']) await finished(taskId, 90)
  const hidden = () => readdir(join(folder, '.removed')).catch(() => [])
  await store.removeSeparation('none') // makes the folder
  const syncs = await standInForSync()
  let other: Promise<void> | undefined
  syncs.mockImplementationOnce(async () => {
    other = store.removeSeparation('other')
    other.catch(() => {})
    await waitFor('both are hidden', async () => (await hidden()).length === 2)
  })
  syncs.mockRejectedValue(new Error('the disk breaks'))

  await store.removeSeparation('one')
  await expect(other).rejects.toThrow('the disk breaks')
  expect(await hidden()).toHaveLength(1)
})

test('something that nobody may take away keeps no other separation from being removed', async () => {
  const { folder, finished, sweep, tasks } = await startStore()
  const stubborn = join(folder, '.removed', 'left', 'of-another-user')
  await mkdir(stubborn, { recursive: true })
  await writeFile(join(stubborn, 'mix.wav'), 'bytes')
  await chmod(stubborn, 0o555)
  onTestFinished(() => chmod(stubborn, 0o755))
  for (const path of [folder, join(folder, '.removed')]) await chmod(path, 0o777)

  const told = await asNobody(async () => {
    for (let index = 0; index < 20; index += 1) await finished(`old-${index}`, 90)
    return sweep()
  })

  expect(told).toMatchObject({ separations: 20, failed: 0 })
  expect([await tasks(), await readdir(join(folder, '.removed'))]).toEqual([[], ['left']])
})
