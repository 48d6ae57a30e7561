import { readFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '@stems/domain/manifest'
import { stemAnalysisSchema } from '@stems/domain/stem-analysis'
import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { type System, startSystem as startAnySystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const SILENT = readFileSync(join(import.meta.dirname, '../stand-in/odd-audio/silent.mp3'))
const ON = { ANALYZE_STEMS: 'true' }

const startSystem = (worker: Record<string, string> = {}) => startAnySystem({ worker: { ...ON, ...worker } })

const naming = (taskId: string, files: string, paths: Record<string, string>) => ({
  code: 200,
  msg: 'ok',
  data: {
    task_id: taskId,
    vocal_separation_info: Object.fromEntries(
      Object.entries(paths).map(([stem, path]) => [`${stem}_url`, files + path]),
    ),
  },
})

const savedIn = ({ stems }: Manifest) => Object.values(stems).filter((stem) => stem.status === 'saved')
const isHeard = (manifest: Manifest) => savedIn(manifest).every(({ audio }) => audio !== undefined)

const analysisOf = async ({ folder }: System, taskId: string, stem: string) => {
  const text = await readFile(join(folder, taskId, `${stem}.peaks.json`), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : stemAnalysisSchema.parse(JSON.parse(text))
}

/** Waits until no analysis is under way and the separation's job has come to rest. */
const atRest = (system: System, taskId: string) =>
  waitFor('all has come to rest', async () => {
    const { completed = 0, ...others } = await system
      .queue('analyses')
      .getJobCounts('completed', 'waiting', 'active', 'delayed')
    const isDone = completed > 0 && Object.values(others).every((count) => count === 0)
    return isDone && (await system.queue('separations').getJobState(`sep_${taskId}`)) === 'completed'
  })

test('soon after the stems, a waveform lies beside each of them, and the manifest knows what a producer wants to know', async () => {
  const system = await startSystem({
    NOTIFY_URL: 'http://127.0.0.1:9/',
    NOTIFY_SECRET: `whsec_${btoa('s'.repeat(32))}`,
    NOTIFY_ALLOW_PRIVATE: 'true',
  })
  const callback = documentedPayload('split-stem', { files: system.provider.url, taskId: 'heard' })
  await system.post(callback)
  const first = await system.finished('heard')

  const manifest = await system.finished('heard', isHeard)
  expect(savedIn(manifest)).toHaveLength(12)
  for (const [stem, saved] of Object.entries(manifest.stems)) {
    if (saved.status !== 'saved') continue
    expect(saved.audio).toMatchObject({ duration_seconds: 3, bit_rate: 64_000, sample_rate: 44_100, channels: 1 })
    const analysis = await analysisOf(system, 'heard', stem)
    expect(analysis?.stemkeeper).toEqual({ version: 1, sha256: saved.sha256, audio: saved.audio })
    expect(analysis?.length).toBeGreaterThan(1000)
  }
  expect(manifest.stems.vocal).toMatchObject({ audio: { loudness_lufs: -16.2 } })
  expect(manifest).not.toHaveProperty('lengths_differ')

  // It ended when its stems were home, and is said to have ended once.
  await atRest(system, 'heard')
  expect(manifest.finished_at).toBe(first.finished_at)
  expect(await system.queue('notifications').getJobs()).toHaveLength(1)
  expect(await system.queue('analyses').getJobs()).toHaveLength(1)
  expect(await system.post(callback)).toMatchObject({ body: { status: 'duplicate' } })
  expect((await system.files()).sort()).toEqual(
    ['heard/manifest.json', ...Object.keys(manifest.stems).flatMap(filesOf(manifest))].sort(),
  )
})

const filesOf =
  ({ stems }: Manifest) =>
  (stem: string) =>
    stems[stem]?.status === 'saved' ? [`heard/${stem}.mp3`, `heard/${stem}.peaks.json`] : []

test('stems that differ in length by more than a second are flagged, and a silent one is marked as silent', async () => {
  const system = await startSystem()
  const { provider, post, finished } = system
  provider.alwaysBehave('/s/fx.mp3', { kind: 'answer', status: 200, body: SILENT })
  await post(
    naming('odd', provider.url, { vocal: '/s/x_Vocals.mp3', drums: '/s/x_Drums.mp3?bytes=70000', fx: '/s/fx.mp3' }),
  )
  const manifest = await finished('odd', isHeard)
  expect(manifest).toMatchObject({
    ...{ version: 1, status: 'complete', lengths_differ: true },
    stems: {
      fx: { audio: { duration_seconds: 3, silent: true } },
      drums: { audio: { duration_seconds: expect.closeTo(9, 0) } },
    },
  })
  expect(manifest.stems.vocal).not.toHaveProperty('audio.silent')
})

test('a stem that is no audio behind its first bytes is home all the same, and is not looked at for ever', async () => {
  const system = await startSystem()
  const { provider, post, finished, workers, queue } = system
  const broken = Buffer.concat([Buffer.from('OggS'), Buffer.alloc(24), Buffer.from('\u0001vorbis'), Buffer.alloc(5000)])
  provider.alwaysBehave('/s/drums.mp3', { kind: 'answer', status: 200, body: broken })
  await post(naming('broken', provider.url, { vocal: '/s/x_Vocals.mp3', drums: '/s/drums.mp3' }))
  await finished('broken', ({ stems }) => stems.vocal?.status === 'saved' && stems.vocal.audio !== undefined)
  await atRest(system, 'broken')

  const manifest = await system.manifest('broken')
  expect(manifest).toMatchObject({ status: 'complete', stems: { drums: { status: 'saved', bytes: broken.length } } })
  expect(manifest?.stems.drums).not.toHaveProperty('audio')
  expect(await analysisOf(system, 'broken', 'drums')).toMatchObject({
    length: 0,
    stemkeeper: { problem: expect.any(String) },
  })

  const [job] = await queue('analyses').getJobs()
  expect(job).toMatchObject({ attemptsMade: 1, returnvalue: { analysed: 2 } })
  const metrics = await (await fetch(`${workers[0]?.url}/metrics`)).text()
  expect(metrics).toContain('stemkeeper_analyses_total{outcome="problem"} 1')
  expect(metrics).toContain('stemkeeper_separations_total{status="complete"} 1')
})

const LONG = '/s/x_Drums.mp3?bytes=40000000' // an hour and a half of audio

test('what a worker that is killed in the middle has not looked at yet is looked at by another', async () => {
  const system = await startSystem()
  const { provider, post, finished, workers, addWorker, queue } = system
  await post(naming('killed', provider.url, { vocal: '/s/x_Vocals.mp3', drums: '/s/x_Drums.mp3?bytes=4000000' }))
  await finished('killed')
  await waitFor('the first stem was looked at', () => analysisOf(system, 'killed', 'vocal'))

  await workers[0]?.stop('SIGKILL')
  const next = await addWorker()

  const manifest = await finished('killed', isHeard)
  expect(savedIn(manifest)).toHaveLength(2)
  await atRest(system, 'killed')
  expect((await queue('separations').getJob('sep_killed'))?.returnvalue).toEqual({
    status: 'complete',
    saved: expect.arrayContaining(['vocal', 'drums']),
  })
  expect(next.log.filter(({ msg }) => msg === 'separation.finished')).toEqual([])
})

test('a worker that is told to stop in the middle leaves at once, and hands the analysis back', async () => {
  const { provider, post, finished, workers, queue } = await startSystem()
  await post(naming('stopped', provider.url, { drums: LONG }))
  await finished('stopped')
  await waitFor('it is being looked at', async () => (await queue('analyses').getActiveCount()) === 1)

  expect(await workers[0]?.stop('SIGTERM')).toMatchObject({ code: 0 })

  const [job] = await queue('analyses').getJobs()
  expect([await job?.getState(), job?.attemptsMade]).toEqual(['waiting', 0])
})

test('what was found is kept when a separation is driven again, and what somebody took away is found once more', async () => {
  const system = await startSystem()
  const { provider, post, finished, addBoard, folder } = system
  await post(naming('again', provider.url, { vocal: '/s/x_Vocals.mp3', bass: '/s/x_Bass.mp3' }))
  const first = await finished('again', isHeard)
  await atRest(system, 'again')
  await rm(join(folder, 'again/bass.peaks.json'))

  const board = await addBoard()
  await waitFor(
    'it is driven again',
    async () => (await board.ask('/api/separations/again/replay', { method: 'POST' })).status === 202,
  )

  const manifest = await finished('again', (each) => each.finished_at > first.finished_at)
  expect(manifest.stems.vocal).toEqual(first.stems.vocal)
  expect((await finished('again', isHeard)).stems).toEqual(first.stems)
  expect(provider.hits('/s/x_Vocals.mp3')).toBe(1)
})

test('with ANALYZE_STEMS=false nothing is looked at', async () => {
  const { provider, post, finished, files, queue, workers } = await startSystem({ ANALYZE_STEMS: 'false' })
  await post(naming('unheard', provider.url, { vocal: '/s/x_Vocals.mp3' }))
  const manifest = await finished('unheard')
  await waitFor('it has ended', async () => (await queue('separations').getCompletedCount()) === 1)
  expect((await files()).sort()).toEqual(['unheard/manifest.json', 'unheard/vocal.mp3'])
  expect(manifest.stems.vocal).not.toHaveProperty('audio')
  expect(await queue('analyses').getJobCounts()).toMatchObject({ waiting: 0, active: 0, completed: 0 })
  const metrics = await (await fetch(`${workers[0]?.url}/metrics`)).text()
  expect(metrics).toContain('stemkeeper_analyses_total{outcome="analysed"} 0')
})
