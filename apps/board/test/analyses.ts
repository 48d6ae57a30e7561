import { createHash } from 'node:crypto'
import type { AudioFacts } from '@stems/domain/audio-facts'
import { buildAnalysis } from '@stems/domain/separation-analysis'
import type { StemAnalysis, StemFacts } from '@stems/domain/stem-analysis'
import type { StemStore } from '@stems/store/stem-store'

/** The peaks that bytes could have: a waveform that swells and ebbs. */
export const peaksOf = (bytes: Buffer, audio: AudioFacts | undefined, problem?: string): StemAnalysis => {
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

const factsOf = ({ stemkeeper: { version: _ofPeaks, ...facts } }: StemAnalysis): StemFacts => facts

/** Writes peaks and the analysis of a separation, as a worker does. */
export const writeAnalyses = async (store: StemStore, taskId: string, stems: Record<string, StemAnalysis>) => {
  for (const [stem, peaks] of Object.entries(stems)) await store.writePeaks(taskId, stem, peaks)
  const facts = new Map(Object.entries(stems).map(([stem, peaks]) => [stem, factsOf(peaks)]))
  await store.writeAnalysis(taskId, buildAnalysis(taskId, facts, new Date().toISOString()))
}
