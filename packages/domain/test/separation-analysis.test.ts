import { expect, test } from 'vitest'
import type { AudioFacts } from '../src/audio-facts.ts'
import type { Manifest, SavedStem } from '../src/manifest.ts'
import {
  buildAnalysis,
  manifestWithAudioSchema,
  separationAnalysisSchema,
  withAnalysis,
} from '../src/separation-analysis.ts'
import type { StemFacts } from '../src/stem-analysis.ts'

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
    constructor: saved('constructor'),
    fx: { status: 'empty' },
  },
}
const lasting = (duration_seconds: number): AudioFacts => ({ duration_seconds })
const factsOf = (audio: AudioFacts, sha256 = 'a'.repeat(64)): StemFacts => ({ sha256, audio })
const analysisOf = (stems: Record<string, StemFacts>) =>
  buildAnalysis('task-1', new Map(Object.entries(stems)), '2026-01-01T00:00:03.000Z')

test('an analysis has the facts of each stem, and says when their lengths differ', () => {
  const broken = { sha256: 'b'.repeat(64), problem: 'no audio could be decoded' }
  const analysis = analysisOf({ vocal: factsOf(lasting(3)), bass: factsOf(lasting(5)), drums: broken })
  expect(analysis).toEqual({
    ...{ version: 1, task_id: 'task-1', analyzed_at: '2026-01-01T00:00:03.000Z', lengths_differ: true },
    stems: { vocal: factsOf(lasting(3)), bass: factsOf(lasting(5)), drums: broken },
  })
  expect(separationAnalysisSchema.parse(analysis)).toEqual(analysis)
  expect(analysisOf({ vocal: factsOf(lasting(3)), drums: broken })).not.toHaveProperty('lengths_differ')
})

test.each([
  [[], false],
  [[240], false],
  [[240, 241], false],
  [[240, 241.01], true],
  [[240, 0, 240], true],
])('stems of %j seconds differ in length: %s', (durations, differ) => {
  const analysis = analysisOf(
    Object.fromEntries(durations.map((seconds, n) => [`stem_${n}`, factsOf(lasting(seconds))])),
  )
  expect('lengths_differ' in analysis).toBe(differ)
})

test('a manifest is joined with the facts of its saved stems, and stays as it is otherwise', () => {
  const audio = { vocal: { ...lasting(3), silent: true as const }, bass: lasting(5) }
  const analysis = analysisOf({ vocal: factsOf(audio.vocal), bass: factsOf(audio.bass), drums: factsOf(lasting(9)) })
  const joined = withAnalysis(manifest, analysis)
  expect(joined).toEqual({
    ...manifest,
    lengths_differ: true,
    stems: {
      ...manifest.stems,
      vocal: { ...saved('vocal'), audio: audio.vocal },
      bass: { ...saved('bass'), audio: audio.bass },
    },
  })
  expect(Object.keys(joined.stems)).toEqual(Object.keys(manifest.stems))
  expect(manifestWithAudioSchema.parse(joined)).toEqual(joined)
})

test('facts about bytes that a stem no longer has are not joined, and do not make lengths differ', () => {
  const analysis = analysisOf({ vocal: factsOf(lasting(3)), bass: factsOf(lasting(5), 'b'.repeat(64)) })
  expect(withAnalysis(manifest, analysis)).toEqual({
    ...manifest,
    stems: { ...manifest.stems, vocal: { ...saved('vocal'), audio: lasting(3) } },
  })
})

test('a manifest without an analysis has no audio facts', () => {
  expect(withAnalysis(manifest, undefined)).toEqual(manifest)
})
