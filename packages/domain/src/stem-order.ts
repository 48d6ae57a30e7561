// Source: the order of the provider's pages, voices first, the original last.
const DOCUMENTED = [
  ...[
    'vocal',
    'backing_vocals',
    'instrumental',
    'drums',
    'bass',
    'guitar',
    'keyboard',
    'percussion',
    'strings',
    'synth',
  ],
  ...['fx', 'brass', 'woodwinds'],
]

/** What a separation was made from: all of its stems together. */
export const ORIGIN = 'origin'

/**
 * Stems in the order in which people look for them, and in which a mixer shows them: the documented ones first, those that
 * nobody knows after them by their names, the original last.
 */
export const inMixOrder = (names: readonly string[]): string[] =>
  names.toSorted((a, b) => placeOf(a) - placeOf(b) || (a < b ? -1 : 1))

const placeOf = (name: string): number => {
  if (name === ORIGIN) return DOCUMENTED.length + 1
  const place = DOCUMENTED.indexOf(name)
  return place === -1 ? DOCUMENTED.length : place
}
