import { createHash, type Hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { type AudioFacts, SILENT_BELOW_DB } from '@stems/domain/audio-facts'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import { type Decoded, decodeMp3 } from './decode-mp3.ts'
import { type FileFacts, readFileFacts } from './file-facts.ts'
import { createLoudness } from './loudness.ts'
import { createWaveform, type Waveform } from './waveform.ts'

/** A file of the store: how large it is, what it is, and its bytes, as often as they are wanted. */
export type AnalysedFile = { bytes: number; contentType: string; stream: () => Readable }

const MPEG = 'audio/mpeg'

/**
 * Finds out what there is to know of a stem by its bytes, which are read as a stream: a file of any size takes the same room.
 * What cannot be read gives an analysis that says so.
 *
 * @throws when the store does not give the bytes
 */
export const analyseStem = async (file: AnalysedFile): Promise<StemAnalysis> => {
  const isMpeg = file.contentType === MPEG
  const said = await readFileFacts(file.stream(), { ...file, isMeasured: isMpeg })
  const hash = createHash('sha256')
  const bytes = hashed(file.stream(), hash)
  const measured = isMpeg ? await measure(decodeMp3(bytes), said.channels === 1) : await readThrough(bytes)
  const audio = factsOf(said, measured, file.bytes)
  const problem = problemOf(audio, measured)
  return {
    ...{ version: 2, channels: 1, bits: 8 },
    sample_rate: audio?.sample_rate ?? 0,
    ...(measured?.waveform ?? NO_WAVEFORM),
    stemkeeper: { version: 1, sha256: hash.digest('hex'), ...(audio && { audio }), ...(problem && { problem }) },
  }
}

type Measured = {
  samples: number
  sampleRate: number
  peak: number
  lufs: number | undefined
  unreadable: number
  waveform: Waveform
}

const NO_WAVEFORM: Waveform = { samples_per_pixel: 1, length: 0, data: [] }

async function* hashed(stream: Readable, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk)
    yield chunk
  }
}

const readThrough = async (bytes: AsyncIterable<Buffer>): Promise<undefined> => {
  for await (const _chunk of bytes) {
    // only its hash is wanted
  }
}

const measure = async (pieces: AsyncIterable<Decoded>, isMono: boolean): Promise<Measured> => {
  const waveform = createWaveform()
  let loudness: ReturnType<typeof createLoudness> | undefined
  const all = { samples: 0, sampleRate: 0, peak: 0, unreadable: 0 }
  for await (const { channels, sampleRate, unreadable } of pieces) {
    all.unreadable += unreadable
    const length = channels[0]?.length ?? 0
    if (length === 0) continue
    const heard = isMono ? channels.slice(0, 1) : channels
    all.samples += length
    all.sampleRate ||= sampleRate
    all.peak = Math.max(all.peak, ...heard.map(peakOf))
    waveform.add(heard)
    loudness ??= createLoudness(sampleRate)
    loudness.add(heard)
  }
  return { ...all, lufs: loudness?.end(), waveform: waveform.end() }
}

const peakOf = (samples: Float32Array): number => {
  let peak = 0
  for (const sample of samples) {
    const height = Math.abs(sample)
    if (height > peak) peak = height
  }
  return peak
}

const factsOf = (said: FileFacts, measured: Measured | undefined, bytes: number): AudioFacts | undefined => {
  const seconds = measured ? measured.samples / (measured.sampleRate || 1) : said.seconds
  if (!seconds) return undefined
  const meanRate = (8 * bytes) / seconds
  const sampleRate = measured?.sampleRate ?? said.sampleRate
  return {
    duration_seconds: rounded(seconds, 3),
    bit_rate: Math.round((said.hasConstantRate || !measured ? said.bitRate : undefined) ?? meanRate),
    ...(sampleRate && { sample_rate: Math.round(sampleRate) }),
    ...(said.channels && { channels: said.channels }),
    ...(measured && heightOf(measured)),
  }
}

const heightOf = ({ peak, lufs }: Measured): Pick<AudioFacts, 'peak_db' | 'loudness_lufs' | 'silent'> => {
  const decibels = 20 * Math.log10(peak)
  return {
    ...(peak > 0 && { peak_db: rounded(decibels, 2) }),
    ...(lufs !== undefined && { loudness_lufs: rounded(lufs, 1) }),
    ...(decibels < SILENT_BELOW_DB && { silent: true as const }),
  }
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

const problemOf = (audio: AudioFacts | undefined, measured: Measured | undefined): string | undefined => {
  if (!audio) return measured ? 'no audio could be decoded' : 'nothing in the file says how long it is'
  if (!measured?.unreadable) return undefined
  return `${measured.unreadable} ${measured.unreadable === 1 ? 'piece' : 'pieces'} of it could not be decoded`
}
