import { randomUUID } from 'node:crypto'

export const SEPARATION_TYPES = ['separate_vocal', 'split_stem', 'split_stem_advanced'] as const

export type SeparationType = (typeof SEPARATION_TYPES)[number]

/** A file that a separation has made. */
export type StemFile = {
  /** Its name in a callback without `_url`, such as `backing_vocals`; of a list, its title. */
  name: string
  title: string
  id: string
  path: string
  /** Of a list: the stem taken out, or the song without it. */
  half?: 'extract' | 'remove'
}

/**
 * The files of a separation.
 *
 * @param extra.unknown stems that no document names
 * @param extra.piano a stem that only the record has
 */
export const makeStems = (
  type: SeparationType,
  extra: { unknown: string[]; piano: boolean; stemName?: string | undefined },
): StemFile[] => {
  if (type === 'split_stem_advanced') return [extra.stemName ?? 'Lead Vocal'].flatMap(bothHalves)
  const names = [...KEYED[type], ...extra.unknown, ...(extra.piano ? ['piano'] : [])]
  return names.map((name) => {
    const id = randomUUID()
    const title = TITLES[name] ?? name.replaceAll(/(^|_)([a-z])/g, (_all, line, letter) => line + letter.toUpperCase())
    return { name, title: title.replaceAll('_', ' '), id, path: `/s/${id}_${title}.mp3` }
  })
}

// Their paths hold the title as it is, with its spaces.
const bothHalves = (title: string): StemFile[] =>
  (['extract', 'remove'] as const).map((half) => {
    const id = randomUUID()
    return { name: title, title, id, path: `/r/${id}_${title}.mp3`, half }
  })

/** The same file under the path that a list may have for it. */
export const listedPath = ({ path }: StemFile): string => path.replace('/s/', '/r/')

const KEYED: Record<Exclude<SeparationType, 'split_stem_advanced'>, string[]> = {
  separate_vocal: ['instrumental', 'vocal'],
  split_stem: [
    ...['backing_vocals', 'bass', 'brass', 'drums', 'fx', 'guitar', 'keyboard', 'percussion'],
    ...['strings', 'synth', 'vocal', 'woodwinds'],
  ],
}

const TITLES: Record<string, string> = { vocal: 'Vocals', fx: 'FX' }
