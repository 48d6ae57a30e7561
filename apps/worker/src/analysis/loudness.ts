const STEP_S = 0.1 // blocks of 400 ms overlap by three quarters
const STEPS_PER_BLOCK = 4
const ABSOLUTE_GATE_LUFS = -70
const RELATIVE_GATE_LU = -10

/**
 * Measures integrated loudness as ITU-R BS.1770-4 defines it: K-weighted, in blocks of 400 ms, gated twice. Every channel
 * counts alike, so that it holds for mono and stereo. What it keeps grows by 80 bytes a second.
 *
 * @param sampleRate samples per second and channel
 */
export const createLoudness = (sampleRate: number) => {
  const perStep = Math.round(STEP_S * sampleRate)
  const ears: Ear[] = []
  const steps: number[] = [] // the energy of each 100 ms
  let inStep = 0
  let energy = 0

  const addStep = (channels: readonly Float32Array[], from: number, to: number): void => {
    for (const [index, channel] of channels.entries()) {
      ears[index] ??= createEar(sampleRate)
      energy += ears[index](channel, from, to)
    }
    inStep += to - from
    if (inStep < perStep) return
    steps.push(energy / perStep)
    inStep = 0
    energy = 0
  }

  return {
    /** Takes the next samples, from -1 to 1, of all channels. */
    add: (channels: readonly Float32Array[]): void => {
      const length = channels[0]?.length ?? 0
      for (let from = 0; from < length; ) {
        const to = Math.min(length, from + perStep - inStep)
        addStep(channels, from, to)
        from = to
      }
    },
    /** The loudness of all that was added, in LUFS; `undefined` when none of it is above the gate, or it is shorter than a block. */
    end: (): number | undefined => {
      const blocks = steps.slice(0, 1 - STEPS_PER_BLOCK).map((_, at) => meanOf(steps.slice(at, at + STEPS_PER_BLOCK)))
      const audible = blocks.filter((block) => lufsOf(block) > ABSOLUTE_GATE_LUFS)
      if (audible.length === 0) return undefined
      const gate = lufsOf(meanOf(audible)) + RELATIVE_GATE_LU
      return lufsOf(meanOf(audible.filter((block) => lufsOf(block) > gate)))
    },
  }
}

const meanOf = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

const lufsOf = (energy: number): number => -0.691 + 10 * Math.log10(energy)

type Ear = (channel: Float32Array, from: number, to: number) => number
type Coefficients = { b: [number, number, number]; a: [number, number] }

// The head's shelf and then the high pass, sample by sample; the energy of what comes out of both.
const createEar = (sampleRate: number): Ear => {
  const { b, a } = shelf(sampleRate)
  const [b0, b1, b2] = b
  const [a1, a2] = a
  const [c1, c2] = highPass(sampleRate).a
  let [s1, s2, h1, h2] = [0, 0, 0, 0]
  return (channel, from, to) => {
    let energy = 0
    for (let at = from; at < to; at++) {
      const sample = channel[at] as number
      const shelved = b0 * sample + s1
      s1 = b1 * sample - a1 * shelved + s2
      s2 = b2 * sample - a2 * shelved
      const passed = shelved + h1
      h1 = -2 * shelved - c1 * passed + h2
      h2 = shelved - c2 * passed
      energy += passed * passed
    }
    // In silence what is left would become so small that processors take a hundred times as long for it.
    if (energy < UNHEARD) [s1, s2, h1, h2] = [0, 0, 0, 0]
    return energy
  }
}

const UNHEARD = 1e-30

// The standard gives both filters for 48 kHz alone. These are the analogue ones behind its figures, for any rate.
const shelf = (sampleRate: number): Coefficients => {
  const [hertz, gainDb, quality] = [1681.974450955533, 3.999843853973347, 0.7071752369554196]
  const k = Math.tan((Math.PI * hertz) / sampleRate)
  const high = 10 ** (gainDb / 20)
  const band = high ** 0.4996667741545416
  const a0 = 1 + k / quality + k * k
  return {
    b: [
      (high + (band * k) / quality + k * k) / a0,
      (2 * (k * k - high)) / a0,
      (high - (band * k) / quality + k * k) / a0,
    ],
    a: [(2 * (k * k - 1)) / a0, (1 - k / quality + k * k) / a0],
  }
}

const highPass = (sampleRate: number): Pick<Coefficients, 'a'> => {
  const [hertz, quality] = [38.13547087602444, 0.5003270373238773]
  const k = Math.tan((Math.PI * hertz) / sampleRate)
  const a0 = 1 + k / quality + k * k
  return { a: [(2 * (k * k - 1)) / a0, (1 - k / quality + k * k) / a0] } // and b: 1, -2, 1
}
