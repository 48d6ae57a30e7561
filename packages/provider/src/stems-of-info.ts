import type { NamedStem, Separation } from '@stems/domain/separation'
import { titleToStemName, toStemName } from '@stems/domain/stem-name'
import type { CallbackGroup, CallbackInfo } from './callback-schema.ts'

/** Far more than any separation has; a body that fits the limit could name ten thousand. */
export const MOST_STEMS = 200

/**
 * The stems that info objects name, keyed or listed, in their order. A payload may speak two dialects, or name a stem by a key
 * and in its list: what is said twice is one stem, and one without a link is none beside one with a link. A callback and the
 * record of its task name the same file by the same name, because both come by here.
 */
export const stemsOfInfos = (infos: CallbackInfo[]): NamedStem[] => {
  const named = infos.flatMap((info) => [...keyedStems(info), ...(info.origin_data ?? []).flatMap(groupStems)])
  const linked = new Set(named.filter(({ url }) => url !== null).map(({ name }) => name))
  const distinct = new Map(named.map((stem) => [`${stem.name} ${stem.url}`, stem]))
  return withUniqueNames([...distinct.values()].filter(({ name, url }) => url !== null || !linked.has(name)))
}

const keyedStems = (info: CallbackInfo): NamedStem[] =>
  Object.entries(info)
    .filter(([key]) => key.endsWith('_url'))
    .map(([key, url]) => ({ name: toStemName(key.slice(0, -'_url'.length)), url: toUrl(url) }))

// Both halves of a group carry the same name: the half without the stem gets a name of its own.
const groupStems = ({ extract, remove, ...file }: CallbackGroup): NamedStem[] => {
  const title = extract?.stem_type_group_name ?? remove?.stem_type_group_name ?? file.stem_type_group_name ?? 'stem'
  const name = titleToStemName(title)
  return [
    ...(extract ? [{ name, url: toUrl(extract.audio_url) }] : []),
    ...(remove ? [{ name: `${name}_removed`, url: toUrl(remove.audio_url) }] : []),
    ...(file.audio_url === undefined ? [] : [{ name, url: toUrl(file.audio_url) }]),
  ]
}

// Two entries of a list may carry the same title. Neither may overwrite the other.
const withUniqueNames = (stems: NamedStem[]): NamedStem[] => {
  const taken = new Set<string>()
  const next = new Map<string, number>()
  return stems.map((stem) => {
    let name = stem.name
    let n = next.get(stem.name) ?? 2
    for (; taken.has(name); n++) name = `${stem.name}_${n}`
    next.set(stem.name, n)
    taken.add(name)
    return { ...stem, name }
  })
}

// The parser of `URL` encodes what a sender may not have encoded, such as a raw space in «…_Lead Vocal.mp3».
const toUrl = (link: unknown): string | null => (isLink(link) ? new URL(link.trim()).href : null)

const isLink = (link: unknown): link is string => typeof link === 'string' && link.trim() !== ''

const SEPARATE_VOCAL = ['instrumental_url']
const SPLIT_STEM = [
  ...['backing_vocals_url', 'drums_url', 'bass_url', 'guitar_url', 'keyboard_url', 'percussion_url'],
  ...['strings_url', 'synth_url', 'fx_url', 'brass_url', 'woodwinds_url'],
]

/** The type that the payload does not name. Links tell it best; where there are none, the keys do. */
export const typeOfInfos = (infos: CallbackInfo[]): Separation['type'] => {
  const names = (key: string) => infos.some((info) => Object.hasOwn(info, key))
  const links = (key: string) => infos.some((info) => Object.hasOwn(info, key) && isLink(info[key]))
  for (const present of [links, names]) {
    if (SPLIT_STEM.some(present)) return 'split_stem'
    if (SEPARATE_VOCAL.some(present)) return 'separate_vocal'
  }
  return 'unknown'
}
