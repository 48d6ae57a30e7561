import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '@stems/domain/manifest'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import { createFileStore } from '@stems/store/file-store'
import { expect, onTestFinished, test } from 'vitest'
import { createAnalyseSeparation } from '../../src/analysis/analyse-separation.ts'
import { createWorkerMetrics } from '../../src/metrics.ts'

const log = { debug: () => {}, info: () => {}, warn: () => {} }
const NEVER = new AbortController().signal

const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex')

const manifestOf = (stems: Record<string, string>): Manifest => ({
  ...{ version: 1, task_id: 'task-1', type: 'split_stem', status: 'complete', code: 200, msg: 'done' },
  ...{ received_at: '2026-01-01T00:00:00.000Z', finished_at: '2026-01-01T00:00:02.000Z' },
  stems: Object.fromEntries(
    Object.entries(stems).map(([stem, bytes]) => [
      stem,
      {
        ...{ status: 'saved' as const, file: `${stem}.mp3`, bytes: bytes.length, sha256: sha256Of(bytes) },
        ...{ content_type: 'audio/mpeg', source_url: 'https://far.side/a.mp3', saved_at: '2026-01-01T00:00:01.000Z' },
      },
    ]),
  ),
})

const peaksOf = (bytes: string): StemAnalysis => ({
  ...{ version: 2, channels: 1, sample_rate: 44_100, samples_per_pixel: 64, bits: 8, length: 1, data: [-1, 1] },
  stemkeeper: { version: 1, sha256: sha256Of(bytes), audio: { duration_seconds: bytes.length } },
})

/** A store with a manifest, and a thread that finds a second in each byte of a stem. */
const start = async (stems: Record<string, string>) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-analysis-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const store = createFileStore(folder)
  await store.writeManifest(manifestOf(stems))
  const bytesOf: Record<string, string> = Object.fromEntries(
    Object.entries(stems).map(([stem, bytes]) => [`${stem}.mp3`, bytes]),
  )
  const seen = { measured: [] as string[], shown: [] as string[][] }
  const during: Record<string, () => Promise<void>> = {}
  const analyse = createAnalyseSeparation({
    store,
    thread: {
      analyse: async ({ file }) => {
        seen.measured.push(file)
        const bytes = bytesOf[file]
        await during[file]?.()
        return bytes === undefined ? undefined : peaksOf(bytes)
      },
    },
    onAnalysed: async (taskId) => {
      seen.shown.push(Object.keys((await store.readAnalysis(taskId))?.stems ?? {}))
    },
    metrics: createWorkerMetrics(),
    log: log as never,
  })
  const rerun = async (more: Record<string, string>) => {
    for (const [stem, bytes] of Object.entries(more)) bytesOf[`${stem}.mp3`] = bytes
    await store.writeManifest(manifestOf({ ...stems, ...more }))
  }
  const facts = async () => (await store.readAnalysis('task-1'))?.stems
  return {
    folder,
    store,
    bytesOf,
    seen,
    during,
    rerun,
    facts,
    analyse: (run = 1) => analyse({ taskId: 'task-1', run }, NEVER),
  }
}

const factsOf = (bytes: string) => ({ sha256: sha256Of(bytes), audio: { duration_seconds: bytes.length } })

test('the facts of each stem are shown as soon as they are known, and the manifest stays as it is', async () => {
  const { folder, store, seen, analyse } = await start({ vocal: '123', drums: '12345' })
  const manifest = await readFile(join(folder, 'task-1/manifest.json'))

  expect(await analyse()).toEqual({ analysed: 2 })

  expect(seen.shown).toEqual([['vocal'], ['vocal', 'drums']])
  expect(await store.readAnalysis('task-1')).toEqual({
    ...{ version: 1, task_id: 'task-1', analyzed_at: expect.any(String), lengths_differ: true },
    stems: { vocal: factsOf('123'), drums: factsOf('12345') },
  })
  expect(await readFile(join(folder, 'task-1/manifest.json'))).toEqual(manifest)
})

test('what is known is neither measured nor written again', async () => {
  const { store, seen, analyse } = await start({ vocal: '123', drums: '12345' })
  await analyse()
  const before = await store.readAnalysis('task-1')
  expect(await analyse(2)).toEqual({ analysed: 0 })
  expect(seen).toMatchObject({ measured: ['vocal.mp3', 'drums.mp3'], shown: { length: 2 } })
  expect(await store.readAnalysis('task-1')).toEqual(before)
})

test.each([
  ['missing', rm],
  ['damaged', (path: string) => writeFile(path, '{"version":1')],
])('an analysis that is %s is written again from the peaks', async (_, spoil) => {
  const { folder, seen, facts, analyse } = await start({ vocal: '123', drums: '12345' })
  await analyse()
  const before = await facts()
  await spoil(join(folder, 'task-1/analysis.json'))
  expect(await analyse(2)).toEqual({ analysed: 0 })
  expect(await facts()).toEqual(before)
  expect(seen.measured).toHaveLength(2)
})

test('a stem that a re-run adds or replaces while the others are analyzed is analyzed too', async () => {
  const { seen, during, rerun, facts, analyse } = await start({ vocal: '123', drums: '12345' })
  during['drums.mp3'] = async () => {
    delete during['drums.mp3']
    await rerun({ drums: '1234', bass: '12' })
  }
  expect(await analyse()).toEqual({ analysed: 4 })
  expect(seen.measured).toEqual(['vocal.mp3', 'drums.mp3', 'drums.mp3', 'bass.mp3'])
  expect(await facts()).toEqual({ vocal: factsOf('123'), drums: factsOf('1234'), bass: factsOf('12') })
})

test('of two jobs of one separation, the one that began with less leaves nothing out', async () => {
  const { during, rerun, facts, analyse } = await start({ vocal: '123' })
  const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  during['vocal.mp3'] = () => {
    delete during['vocal.mp3']
    begun.resolve()
    return release.promise
  }
  const first = analyse(1)
  await begun.promise
  await rerun({ bass: '12' })
  await analyse(2)
  release.resolve()
  await first
  expect(await facts()).toEqual({ vocal: factsOf('123'), bass: factsOf('12') })
})

test('a stem with other bytes than the manifest lists is tried once, and has no facts', async () => {
  const { bytesOf, seen, facts, analyse } = await start({ vocal: '123', drums: '12345', fx: '1' })
  bytesOf['drums.mp3'] = 'other bytes'
  delete bytesOf['fx.mp3']
  expect(await analyse()).toEqual({ analysed: 1 })
  expect(seen.measured).toEqual(['vocal.mp3', 'drums.mp3', 'fx.mp3'])
  expect(await facts()).toEqual({ vocal: factsOf('123') })
})

test('a stem that the manifest no longer lists leaves the analysis', async () => {
  const { store, facts, analyse } = await start({ vocal: '123', drums: '12345' })
  await analyse()
  await store.writeManifest(manifestOf({ vocal: '123' }))
  await analyse(2)
  expect(await facts()).toEqual({ vocal: factsOf('123') })
})

test('a separation that is removed meanwhile does not come back', async () => {
  const { store, during, analyse } = await start({ vocal: '123', drums: '12345' })
  during['drums.mp3'] = () => store.removeSeparation('task-1')
  await analyse()
  for (const file of ['analysis.json', 'vocal.peaks.json', 'drums.peaks.json']) {
    expect(await store.open('task-1', file)).toBeUndefined()
  }
  expect(await analyse(2)).toEqual({ analysed: 0 })
})
