import { createHash } from 'node:crypto'
import type { AudioFacts } from '@stems/domain/audio-facts'
import type { StemAnalysis } from '@stems/domain/stem-analysis'

/** What could have been found in bytes: a waveform that swells and ebbs. */
export const analysisOf = (bytes: Buffer, audio: AudioFacts | undefined, problem?: string): StemAnalysis => {
  const length = audio ? 1500 : 0
  const point = (n: number) => Math.round(100 * Math.abs(Math.sin(n / 40)))
  return {
    version: 2,
    channels: 1,
    sample_rate: 44_100,
    samples_per_pixel: 512,
    bits: 8,
    length,
    data: Array.from({ length }, (_, n) => [-point(n), point(n)]).flat(),
    stemkeeper: {
      version: 1,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ...(audio && { audio }),
      ...(problem !== undefined && { problem }),
    },
  }
}
