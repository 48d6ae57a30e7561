import { expect, test } from 'vitest'
import { createWaveform } from '../../src/analysis/waveform.ts'

const wave = (length: number, sampleAt: (index: number) => number) =>
  Float32Array.from({ length }, (_, at) => sampleAt(at))

test('a waveform holds the lowest and the highest sample of all channels, point by point', () => {
  const waveform = createWaveform()
  const left = wave(128, (at) => (at === 3 ? 0.5 : 0))
  const right = wave(128, (at) => (at === 100 ? -1 : 0))
  waveform.add([left, right])
  expect(waveform.end()).toEqual({ samples_per_pixel: 64, length: 2, data: [0, 64, -128, 0] })
})

test('it makes no difference in which pieces the samples come', () => {
  const samples = wave(10_000, (at) => Math.sin(at / 50) * (at / 10_000))
  const [whole, pieces] = [createWaveform(), createWaveform()]
  whole.add([samples])
  for (let from = 0; from < samples.length; from += 333) pieces.add([samples.subarray(from, from + 333)])
  expect(pieces.end()).toEqual(whole.end())
})

test.each([4, 60, 240, 3600])(
  '%i seconds of audio are drawn in 1000 to 2000 points, and no peak is lost',
  (seconds) => {
    const waveform = createWaveform()
    const second = new Float32Array(8000)
    for (let at = 0; at < seconds; at++) waveform.add([at === seconds - 1 ? second.fill(0.75) : second])
    const { samples_per_pixel, length, data } = waveform.end()
    expect(length).toBeGreaterThanOrEqual(seconds < 10 ? 500 : 1000)
    expect(length).toBeLessThanOrEqual(2000)
    expect(data).toHaveLength(2 * length)
    expect(length).toBe(Math.ceil((seconds * 8000) / samples_per_pixel))
    expect([Math.max(...data), data.at(-1), data[0]]).toEqual([96, 96, 0])
  },
)

test('samples over full scale stay within a byte, and no audio has no points', () => {
  const waveform = createWaveform()
  expect(createWaveform().end()).toEqual({ samples_per_pixel: 64, length: 0, data: [] })
  waveform.add([Float32Array.of(1.7, -3, Number.NaN)])
  expect(waveform.end()).toEqual({ samples_per_pixel: 64, length: 1, data: [-128, 127] })
})
