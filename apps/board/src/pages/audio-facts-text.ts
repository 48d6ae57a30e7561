import type { AudioFacts } from '@stems/domain/audio-facts'

/** A length for people: `3:45`. */
export const lengthText = (seconds: number): string => {
  const whole = Math.round(seconds)
  const [hours, minutes, rest] = [
    Math.floor(whole / 3600),
    Math.floor(whole / 60) % 60,
    `${whole % 60}`.padStart(2, '0'),
  ]
  return hours > 0 ? `${hours}:${`${minutes}`.padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

/** What a producer wants to know of a stem, in the order in which it is asked for. */
export const audioFactsText = (facts: AudioFacts): string[] => {
  const { duration_seconds, bit_rate, sample_rate, channels, peak_db, loudness_lufs } = facts
  return [
    lengthText(duration_seconds),
    bit_rate === undefined ? '' : `${Math.round(bit_rate / 1000)} kbit/s`,
    sample_rate === undefined ? '' : `${(sample_rate / 1000).toLocaleString('en')} kHz`,
    channels === undefined ? '' : channelsText(channels),
    peak_db === undefined ? '' : `peak ${decibels(peak_db)} dB`,
    loudness_lufs === undefined ? '' : `${decibels(loudness_lufs)} LUFS`,
  ].filter((fact) => fact !== '')
}

const channelsText = (channels: number): string => ({ 1: 'mono', 2: 'stereo' })[channels] ?? `${channels} channels`

const decibels = (value: number): string => value.toFixed(1).replace('-', '−')
