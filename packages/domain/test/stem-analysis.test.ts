import { expect, test } from 'vitest'
import { stemAnalysisSchema } from '../src/stem-analysis.ts'

test('an analysis whose points are not as many as it says is none', () => {
  const analysis = {
    ...{ version: 2, channels: 1, sample_rate: 44_100, samples_per_pixel: 64, bits: 8, length: 1, data: [-1, 1] },
    stemkeeper: { version: 1, sha256: 'a'.repeat(64) },
  }
  expect(stemAnalysisSchema.safeParse(analysis).success).toBe(true)
  expect(stemAnalysisSchema.safeParse({ ...analysis, length: 2 }).success).toBe(false)
  expect(stemAnalysisSchema.safeParse({ ...analysis, data: [-129, 1] }).success).toBe(false)
})
