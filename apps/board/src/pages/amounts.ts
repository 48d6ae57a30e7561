const UNITS = [
  ['day', 86_400],
  ['h', 3600],
  ['min', 60],
] as const

/** A length of time for people: the two largest units of it. */
export const durationText = (seconds: number): string => {
  const whole = Math.max(0, Math.floor(seconds))
  const index = UNITS.findIndex(([, length]) => whole >= length)
  const unit = UNITS[index]
  if (!unit) return `${whole} s`
  const [name, length] = unit
  const [smaller, smallerLength] = UNITS[index + 1] ?? ['s', 1]
  const count = Math.floor(whole / length)
  const rest = Math.floor((whole % length) / smallerLength)
  const first = `${count} ${name}${name === 'day' && count > 1 ? 's' : ''}`
  return rest === 0 ? first : `${first} ${rest} ${smaller}`
}

/** An amount of bytes for people. */
export const bytesText = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`
}

/** A number with what it counts. */
export const countText = (count: number, one: string, several = `${one}s`): string =>
  `${count} ${count === 1 ? one : several}`
