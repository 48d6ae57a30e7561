import { readFileSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ManifestWithAudio } from '@stems/domain/separation-analysis'
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

const savedIn = ({ stems }: ManifestWithAudio) => Object.values(stems).filter((stem) => stem.status === 'saved')

const peaksOf = async ({ folder }: System, taskId: string, stem: string) => {
  const text = await readFile(join(folder, taskId, `${stem}.peaks.json`), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : stemAnalysisSchema.parse(JSON.parse(text))
}

/** Waits until analyses have completed, and none is left. */
const atRest = (system: System) =>
  waitFor('all has come to rest', async () => {
    const { completed = 0, ...others } = await system
      .queue('analyses')
      .getJobCounts('completed', 'waiting', 'active', 'delayed')
    return completed > 0 && Object.values(others).every((count) => count === 0)
  })

const filesIn = async ({ folder }: System, taskId: string) => (await readdir(join(folder, taskId))).sort()

const fileIn = ({ folder }: System, taskId: string, file: string) => readFile(join(folder, taskId, file), 'utf8')

test('soon after the stems, the store has a waveform of each of them, and the audio facts of all, and the manifest stays as it is', async () => {
  const system = await startSystem({
    NOTIFY_URL: 'http://127.0.0.1:9/',
    NOTIFY_SECRET: `whsec_${btoa('s'.repeat(32))}`,
    NOTIFY_ALLOW_PRIVATE: 'true',
  })
  const callback = documentedPayload('split-stem', { files: system.provider.url, taskId: 'heard' })
  await system.post(callback)
  await system.finished('heard')
  const written = await fileIn(system, 'heard', 'manifest.json')

  const manifest = await system.analyzed('heard')
  expect(savedIn(manifest)).toHaveLength(12)
  for (const [stem, saved] of Object.entries(manifest.stems)) {
    if (saved.status !== 'saved') continue
    expect(saved.audio).toMatchObject({ duration_seconds: 3, bit_rate: 64_000, sample_rate: 44_100, channels: 1 })
    const analysis = await peaksOf(system, 'heard', stem)
    expect(analysis?.stemkeeper).toEqual({ version: 1, sha256: saved.sha256, audio: saved.audio })
    expect(analysis?.length).toBeGreaterThan(1000)
  }
  expect(manifest.stems.vocal).toMatchObject({ audio: { loudness_lufs: -16.2 } })
  expect(manifest).not.toHaveProperty('lengths_differ')

  // It ended when its stems were stored, and is announced once.
  await atRest(system)
  expect(await fileIn(system, 'heard', 'manifest.json')).toBe(written)
  expect(written).not.toContain('"audio"')
  expect(await system.queue('notifications').getJobs()).toHaveLength(1)
  expect(await system.queue('analyses').getJobs()).toHaveLength(1)
  expect(await system.post(callback)).toMatchObject({ body: { status: 'duplicate' } })
  expect(await filesIn(system, 'heard')).toEqual(
    ['manifest.json', 'analysis.json', ...Object.keys(manifest.stems).flatMap(filesOf(manifest))].sort(),
  )
})

const filesOf =
  ({ stems }: ManifestWithAudio) =>
  (stem: string) =>
    stems[stem]?.status === 'saved' ? [`${stem}.mp3`, `${stem}.peaks.json`] : []

test('stems that differ in length by more than a second are flagged, and a silent one is marked as silent', async () => {
  const system = await startSystem()
  const { provider, post, analyzed } = system
  provider.alwaysBehave('/s/fx.mp3', { kind: 'answer', status: 200, body: SILENT })
  await post(
    naming('odd', provider.url, { vocal: '/s/x_Vocals.mp3', drums: '/s/x_Drums.mp3?bytes=70000', fx: '/s/fx.mp3' }),
  )
  const manifest = await analyzed('odd')
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
  const { provider, post, analyzed, workers, queue } = system
  const broken = Buffer.concat([Buffer.from('OggS'), Buffer.alloc(24), Buffer.from('\u0001vorbis'), Buffer.alloc(5000)])
  provider.alwaysBehave('/s/drums.mp3', { kind: 'answer', status: 200, body: broken })
  await post(naming('broken', provider.url, { vocal: '/s/x_Vocals.mp3', drums: '/s/drums.mp3' }))
  const isAnalyzed = ({ stems }: ManifestWithAudio) =>
    stems.vocal?.status === 'saved' && stems.vocal.audio !== undefined
  await analyzed('broken', isAnalyzed)
  await atRest(system)

  const manifest = await analyzed('broken', isAnalyzed)
  expect(manifest).toMatchObject({ status: 'complete', stems: { drums: { status: 'saved', bytes: broken.length } } })
  expect(manifest.stems.drums).not.toHaveProperty('audio')
  expect(await peaksOf(system, 'broken', 'drums')).toMatchObject({
    length: 0,
    stemkeeper: { problem: expect.any(String) },
  })
  const analysis = JSON.parse(await fileIn(system, 'broken', 'analysis.json'))
  expect(analysis.stems.drums).toEqual({ sha256: expect.any(String), problem: expect.any(String) })

  const [job] = await queue('analyses').getJobs()
  expect(job).toMatchObject({ attemptsMade: 1, returnvalue: { analysed: 2 } })
  const metrics = await (await fetch(`${workers[0]?.url}/metrics`)).text()
  expect(metrics).toContain('stemkeeper_analyses_total{outcome="problem"} 1')
  expect(metrics).toContain('stemkeeper_separations_total{status="complete"} 1')
})

const LONG = '/s/x_Drums.mp3?bytes=40000000' // an hour and a half of audio

test('what a worker that is killed in the middle has not looked at yet is looked at by another', async () => {
  const system = await startSystem()
  const { provider, post, finished, analyzed, workers, addWorker } = system
  await post(naming('killed', provider.url, { vocal: '/s/x_Vocals.mp3', drums: '/s/x_Drums.mp3?bytes=4000000' }))
  await finished('killed')
  await waitFor('the first stem was looked at', () => peaksOf(system, 'killed', 'vocal'))

  await workers[0]?.stop('SIGKILL')
  const next = await addWorker()

  const manifest = await analyzed('killed')
  expect(savedIn(manifest)).toHaveLength(2)
  await atRest(system)
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
  const { provider, post, finished, analyzed, addBoard, folder } = system
  await post(naming('again', provider.url, { vocal: '/s/x_Vocals.mp3', bass: '/s/x_Bass.mp3' }))
  const first = await analyzed('again')
  await atRest(system)
  await rm(join(folder, 'again/bass.peaks.json'))

  const board = await addBoard()
  await waitFor(
    'it is driven again',
    async () => (await board.ask('/api/separations/again/replay', { method: 'POST' })).status === 202,
  )

  const manifest = await finished('again', (each) => each.finished_at > first.finished_at)
  expect(manifest.stems).toEqual((await system.manifest('again'))?.stems)
  await waitFor('its waveform is drawn once more', () => peaksOf(system, 'again', 'bass'))
  expect((await analyzed('again')).stems).toEqual(first.stems)
  expect(provider.hits('/s/x_Vocals.mp3')).toBe(1)
})

test('a callback with one more stem that arrives while the others are analyzed is stored, and analyzed too', async () => {
  const system = await startSystem()
  const { provider, post, finished, analyzed, queue } = system
  const paths = { vocal: '/s/x_Vocals.mp3', drums: '/s/x_Drums.mp3?bytes=4000000' }
  await post(naming('more', provider.url, paths))
  await waitFor('the second stem is being analyzed', () => peaksOf(system, 'more', 'vocal'))
  expect(await queue('analyses').getActiveCount()).toBe(1)

  const answer = await post(naming('more', provider.url, { ...paths, bass: '/s/x_Bass.mp3' }))
  expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })

  await finished('more', ({ stems }) => stems.bass?.status === 'saved')
  const manifest = await analyzed('more')
  expect(savedIn(manifest)).toHaveLength(3)
  await atRest(system)
  const { stems } = JSON.parse(await fileIn(system, 'more', 'analysis.json'))
  expect(Object.keys(stems).sort()).toEqual(['bass', 'drums', 'vocal'])
  expect(await analyzed('more')).toEqual(manifest)
})

test('with ANALYZE_STEMS=false nothing is looked at', async () => {
  const system = await startSystem({ ANALYZE_STEMS: 'false' })
  const { provider, post, finished, queue, workers } = system
  await post(naming('unheard', provider.url, { vocal: '/s/x_Vocals.mp3' }))
  await finished('unheard')
  await waitFor('it has ended', async () => (await queue('separations').getCompletedCount()) === 1)
  expect(await filesIn(system, 'unheard')).toEqual(['manifest.json', 'vocal.mp3'])
  expect(await queue('analyses').getJobCounts()).toMatchObject({ waiting: 0, active: 0, completed: 0 })
  const metrics = await (await fetch(`${workers[0]?.url}/metrics`)).text()
  expect(metrics).toContain('stemkeeper_analyses_total{outcome="analysed"} 0')
})
