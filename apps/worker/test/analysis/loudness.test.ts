import { expect, test } from 'vitest'
import { createLoudness } from '../../src/analysis/loudness.ts'

const sine = (sampleRate: number, seconds: number, amplitude: number) =>
  Float32Array.from(
    { length: sampleRate * seconds },
    (_, at) => amplitude * Math.sin((2 * Math.PI * 997 * at) / sampleRate),
  )

// ITU-R BS.1770-4: a sine of 997 Hz at full scale in one channel reads -3.01 LKFS.
test.each([22_050, 44_100, 48_000, 96_000])('the reference tone reads as the standard says, at %i Hz', (sampleRate) => {
  const loudness = createLoudness(sampleRate)
  loudness.add([sine(sampleRate, 3, 1)])
  expect(loudness.end()).toBeCloseTo(-3.01, 1)
})

test('two channels are 3 dB louder than one', () => {
  const loudness = createLoudness(48_000)
  loudness.add([sine(48_000, 3, 0.1), sine(48_000, 3, 0.1)])
  expect(loudness.end()).toBeCloseTo(-20, 1)
})

test('what is silent, or much softer than the rest, does not count', () => {
  const loudness = createLoudness(48_000)
  const soft = sine(48_000, 20, 0.001)
  for (const part of [new Float32Array(48_000 * 20), soft, sine(48_000, 3, 1)]) loudness.add([part])
  expect(loudness.end()).toBeCloseTo(-3.01, 0)
})

test('silence, and less than 400 ms, have no loudness', () => {
  const [silence, short] = [createLoudness(48_000), createLoudness(48_000)]
  silence.add([new Float32Array(48_000)])
  short.add([sine(48_000, 1, 1).subarray(0, 48_000 * 0.39)])
  expect([silence.end(), short.end()]).toEqual([undefined, undefined])
})
