import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { stemAnalysisSchema } from '@stems/domain/stem-analysis'
import { expect, test, vi } from 'vitest'
import { analyseStem } from '../../src/analysis/analyse-stem.ts'

const STAND_IN = join(import.meta.dirname, '../../../../test/stand-in')
const recording = (name: string) => readFileSync(join(STAND_IN, 'audio', `${name}.mp3`))
const SILENT = readFileSync(join(STAND_IN, 'odd-audio/silent.mp3'))

// The decoder tells the console of each frame that it cannot read.
vi.spyOn(console, 'error').mockImplementation(() => {})

const analyse = async (body: Buffer, { contentType = 'audio/mpeg', chunk = 5000 } = {}) => {
  const chunks = Array.from({ length: Math.ceil(body.length / chunk) }, (_, at) =>
    body.subarray(at * chunk, (at + 1) * chunk),
  )
  const file = { bytes: body.length, contentType, stream: () => Readable.from(chunks, { objectMode: false }) }
  return stemAnalysisSchema.parse(await analyseStem(file))
}

// Loudness and peak as another program (ffmpeg's ebur128 and volumedetect) measures them.
test.each([
  ['vocal', -16.2, -9.4],
  ['drums', -14.1, -6.2],
])('the recording of %s has its length, rate, peak and loudness, and a waveform', async (name, lufs, peak) => {
  const body = recording(name)
  const { sample_rate, samples_per_pixel, length, data, stemkeeper } = await analyse(body)
  expect(stemkeeper).toEqual({
    version: 1,
    sha256: createHash('sha256').update(body).digest('hex'),
    audio: {
      duration_seconds: 3,
      bit_rate: 64_000,
      sample_rate: 44_100,
      channels: 1,
      peak_db: expect.closeTo(peak, 1),
      loudness_lufs: lufs,
    },
  })
  expect([sample_rate, length]).toEqual([44_100, Math.ceil((3 * 44_100) / samples_per_pixel)])
  expect(Math.max(...data.map(Math.abs)) / 128).toBeCloseTo(10 ** (peak / 20), 1)
})

test('it makes no difference in which pieces the file comes', async () => {
  const body = recording('synth')
  expect(await analyse(body, { chunk: 100 })).toEqual(await analyse(body, { chunk: 1_000_000 }))
})

test('what is played twice lasts twice as long', async () => {
  const { stemkeeper } = await analyse(Buffer.concat([recording('bass'), recording('bass')]))
  expect(stemkeeper.audio?.duration_seconds).toBeCloseTo(6, 0)
})

test('a silent stem is marked as silent, and has neither peak nor loudness', async () => {
  const { data, stemkeeper } = await analyse(SILENT)
  expect(stemkeeper.audio).toEqual({
    duration_seconds: 3,
    bit_rate: 8000,
    sample_rate: 22_050,
    channels: 1,
    silent: true,
  })
  expect(data.every((value) => value === 0)).toBe(true)
  expect(stemkeeper.problem).toBeUndefined()
})

test.each([
  ['an empty file', Buffer.alloc(0)],
  ['a few bytes', Buffer.from('ID3\u0003 no more')],
  ['a page', Buffer.from('<html>gone</html>'.repeat(500))],
])('%s gives an analysis that says so', async (_, body) => {
  const { length, stemkeeper } = await analyse(body)
  expect(length).toBe(0)
  expect(stemkeeper).toMatchObject({ problem: 'no audio could be decoded' })
  expect(stemkeeper.audio).toBeUndefined()
})

test('what can be read of a broken file is told, and that it is broken', async () => {
  let state = 1
  const noise = Buffer.from(
    Array.from({ length: 200_000 }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return (state >> 16) & 255
    }),
  )
  const { length, stemkeeper } = await analyse(Buffer.concat([recording('fx'), noise]))
  expect(stemkeeper.audio?.duration_seconds).toBeGreaterThanOrEqual(3)
  expect(stemkeeper.audio?.channels).toBe(1)
  expect(stemkeeper.problem).toMatch(/^\d+ pieces of it could not be decoded$/)
  expect(length).toBeGreaterThan(500)
})

test('a format without a decoder has what its headers say, and no points', async () => {
  const wav = Buffer.alloc(44 + 88_200)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(wav.length - 8, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(44_100, 24)
  wav.writeUInt32LE(88_200, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(88_200, 40)
  const { length, sample_rate, stemkeeper } = await analyse(wav, { contentType: 'audio/wav' })
  expect([length, sample_rate]).toEqual([0, 44_100])
  expect(stemkeeper).toEqual({
    version: 1,
    sha256: createHash('sha256').update(wav).digest('hex'),
    audio: { duration_seconds: 1, bit_rate: 705_600, sample_rate: 44_100, channels: 1 },
  })
})

test('a store that breaks off is no problem of the stem', async () => {
  const stream = () =>
    Readable.from(
      (async function* () {
        yield recording('vocal').subarray(0, 9000)
        throw new Error('the store is away')
      })(),
    )
  await expect(analyseStem({ bytes: 24_449, contentType: 'audio/mpeg', stream })).rejects.toThrow('the store is away')
})
