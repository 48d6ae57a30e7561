const FINEST = 64
const MOST_BUCKETS = 16_384
const MOST_POINTS = 2000

/** What a waveform's file holds of it. */
export type Waveform = { samples_per_pixel: number; length: number; data: number[] }

/**
 * Draws a waveform of audio of any length in a bounded room: each bucket holds the lowest and the highest sample of all
 * channels, and whenever there are too many buckets, every two become one.
 */
export const createWaveform = () => {
  const lows = new Float32Array(MOST_BUCKETS)
  const highs = new Float32Array(MOST_BUCKETS)
  let perBucket = FINEST
  let full = 0 // buckets that have all their samples
  let inLast = 0 // samples of the one after them
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY

  const keep = (): void => {
    lows[full] = low
    highs[full] = high
    full++
    inLast = 0
    low = Number.POSITIVE_INFINITY
    high = Number.NEGATIVE_INFINITY
  }

  const halve = (): void => {
    for (let index = 0; index < MOST_BUCKETS / 2; index++) {
      lows[index] = Math.min(lows[2 * index] as number, lows[2 * index + 1] as number)
      highs[index] = Math.max(highs[2 * index] as number, highs[2 * index + 1] as number)
    }
    full = MOST_BUCKETS / 2
    perBucket *= 2
  }

  return {
    /** Takes the next samples, from -1 to 1, of all channels. */
    add: (channels: readonly Float32Array[]): void => {
      const [first, ...others] = channels
      for (let index = 0; index < (first?.length ?? 0); index++) {
        let least = first?.[index] as number
        let most = least
        for (const channel of others) {
          const sample = channel[index] as number
          if (sample < least) least = sample
          else if (sample > most) most = sample
        }
        if (least < low) low = least
        if (most > high) high = most
        if (++inLast < perBucket) continue
        keep()
        if (full === MOST_BUCKETS) halve()
      }
    },
    /** The waveform of all that was added, in at most 2000 points. */
    end: (): Waveform => {
      if (inLast > 0) keep()
      const together = Math.max(1, Math.ceil(full / MOST_POINTS))
      const length = Math.ceil(full / together)
      const data = Array.from({ length }, (_, point) => {
        const [from, to] = [point * together, Math.min(full, (point + 1) * together)]
        return [toByte(Math.min(...lows.subarray(from, to))), toByte(Math.max(...highs.subarray(from, to)))]
      })
      return { samples_per_pixel: perBucket * together, length, data: data.flat() }
    },
  }
}

// Decoders go over full scale; a byte does not.
const toByte = (sample: number): number => Math.max(-128, Math.min(127, Math.round(sample * 128))) || 0 // neither -0 nor NaN
