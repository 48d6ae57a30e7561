import { expect, test } from 'vitest'
import { doLengthsDiffer } from '../src/audio-facts.ts'
import { type Manifest, manifestSchema, type SavedStem, withAudioFacts } from '../src/manifest.ts'
import { stemAnalysisSchema } from '../src/stem-analysis.ts'

const saved = (name: string): SavedStem => ({
  ...{ status: 'saved', file: `${name}.mp3`, bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' },
  ...{ source_url: `https://far.side/${name}.mp3`, saved_at: '2026-01-01T00:00:01.000Z' },
})
const manifest: Manifest = {
  ...{ version: 1, task_id: 'task-1', type: 'split_stem', status: 'partial', code: 200, msg: 'done' },
  ...{ received_at: '2026-01-01T00:00:00.000Z', finished_at: '2026-01-01T00:00:02.000Z' },
  stems: {
    vocal: saved('vocal'),
    drums: { status: 'failed', source_url: 'https://far.side/drums.mp3', error: { code: 'gone', message: 'dead' } },
    bass: saved('bass'),
    fx: { status: 'empty' },
  },
}
const lasting = (duration_seconds: number) => ({ duration_seconds })

test.each([
  [[], false],
  [[240], false],
  [[240, 241], false],
  [[240, 241.01], true],
  [[240, 0, 240], true],
])('stems of %j seconds differ in length: %s', (durations, differ) => {
  expect(doLengthsDiffer(durations.map(lasting))).toBe(differ)
})

test('a manifest takes in what is known of its saved stems, and stays a manifest of version 1', () => {
  const audio = { vocal: { ...lasting(3), silent: true as const }, bass: lasting(5) }
  const told = withAudioFacts(manifest, (stem) => audio[stem as keyof typeof audio])
  expect(told).toEqual({
    ...manifest,
    lengths_differ: true,
    stems: {
      ...manifest.stems,
      vocal: { ...saved('vocal'), audio: audio.vocal },
      bass: { ...saved('bass'), audio: audio.bass },
    },
  })
  expect(Object.keys(told.stems)).toEqual(Object.keys(manifest.stems))
  expect(manifestSchema.parse(told)).toEqual(told)
})

test('a manifest forgets what was known of other bytes', () => {
  const told = withAudioFacts(manifest, (stem) => lasting(stem === 'vocal' ? 3 : 5))
  expect(withAudioFacts(told, (stem) => (stem === 'vocal' ? lasting(3) : undefined))).toEqual({
    ...manifest,
    stems: { ...manifest.stems, vocal: { ...saved('vocal'), audio: lasting(3) } },
  })
})

test('an analysis whose points are not as many as it says is none', () => {
  const analysis = {
    ...{ version: 2, channels: 1, sample_rate: 44_100, samples_per_pixel: 64, bits: 8, length: 1, data: [-1, 1] },
    stemkeeper: { version: 1, sha256: 'a'.repeat(64) },
  }
  expect(stemAnalysisSchema.safeParse(analysis).success).toBe(true)
  expect(stemAnalysisSchema.safeParse({ ...analysis, length: 2 }).success).toBe(false)
  expect(stemAnalysisSchema.safeParse({ ...analysis, data: [-129, 1] }).success).toBe(false)
})
