import { redactLinks } from '@stems/domain/link'
import type { NamedStem, Separation } from '@stems/domain/separation'
import { titleToStemName, toStemName } from '@stems/domain/stem-name'
import { taskIdSchema } from '@stems/domain/task-id'
import { type CallbackGroup, type CallbackInfo, callbackSchema } from './callback-schema.ts'

/** A field of a payload that is not as we know it. */
export type PayloadIssue = { path: string; message: string }

/** The payload has a shape that this version does not know. It is worth keeping: an upgrade may read it. */
export class UnknownShapeError extends Error {
  readonly issues: PayloadIssue[]

  constructor(issues: PayloadIssue[]) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join('; '))
    this.name = 'UnknownShapeError'
    this.issues = issues
  }
}

/** The payload names no task, so that nothing can be done with it. */
export class UnreadableTaskIdError extends Error {
  readonly issues: PayloadIssue[]

  constructor(message: string) {
    super(`data.task_id: ${message}`)
    this.name = 'UnreadableTaskIdError'
    this.issues = [{ path: 'data.task_id', message }]
  }
}

/**
 * The task id of a payload whose shape may be unknown otherwise.
 *
 * @param body parsed JSON
 * @throws {UnreadableTaskIdError} when `data.task_id` is missing or no task id
 */
export const readTaskId = (body: unknown): string => {
  const data = isObject(body) ? body.data : undefined
  const id = isObject(data) ? data.task_id : undefined
  if (id === undefined || id === null || id === '') throw new UnreadableTaskIdError('is missing')
  const parsed = taskIdSchema.safeParse(id)
  if (!parsed.success) throw new UnreadableTaskIdError(parsed.error.issues[0]?.message ?? 'is not a task id')
  return parsed.data
}

/**
 * Takes the provider's dialect off a callback.
 *
 * @param body parsed JSON, in any documented dialect: either info key, keyed or list form, success or failure
 * @param receivedAt ISO time
 * @returns the separation: its stems in the payload's order, raw spaces in URLs encoded
 * @throws {UnknownShapeError} when the payload is none of those
 */
export const parseCallback = (body: unknown, receivedAt: string): Separation => {
  const parsed = callbackSchema.safeParse(body)
  if (!parsed.success) {
    throw new UnknownShapeError(parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })))
  }
  const { code, msg, data } = parsed.data
  const infos = [data.vocal_separation_info, data.vocal_removal_info].filter((each) => each != null)
  const named = infos.map(stemsOf)
  const count = named.flat().length
  if (count > MOST_STEMS) {
    throw new UnknownShapeError([{ path: 'data', message: `names ${count} stems, more than ${MOST_STEMS}` }])
  }
  const stems = unite(named)
  if (code === 200 && stems.length === 0) {
    throw new UnknownShapeError([
      { path: 'data', message: 'says success (code 200) and names no stem that we can read' },
    ])
  }
  return { taskId: data.task_id, type: typeOf(infos), code, msg: redactLinks(msg ?? ''), receivedAt, stems }
}

const MOST_STEMS = 200 // far more than any separation has; a body that fits the limit could name ten thousand

const stemsOf = (info: CallbackInfo): NamedStem[] => {
  const keyed = Object.entries(info)
    .filter(([key]) => key.endsWith('_url'))
    .map(([key, url]) => ({ name: toStemName(key.slice(0, -'_url'.length)), url: toUrl(url) }))
  return [...keyed, ...(info.origin_data ?? []).flatMap(groupStems)]
}

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

// A payload that speaks both dialects says most things twice, and what only one of them says must not be lost.
const unite = ([first = [], second = []]: NamedStem[][]): NamedStem[] => {
  const hasLinkFor = (stem: NamedStem) => second.some(({ name, url }) => name === stem.name && url !== null)
  const isSaid = (stem: NamedStem) =>
    first.some(({ name, url }) => name === stem.name && (stem.url === null || stem.url === url))
  const told = first.filter((stem) => stem.url !== null || !hasLinkFor(stem))
  return withUniqueNames([...told, ...second.filter((stem) => !isSaid(stem))])
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
const toUrl = (link: unknown): string | null => {
  const text = typeof link === 'string' ? link.trim() : ''
  return text === '' ? null : new URL(text).href
}

const SEPARATE_VOCAL = ['instrumental_url']
const SPLIT_STEM = [
  ...['backing_vocals_url', 'drums_url', 'bass_url', 'guitar_url', 'keyboard_url', 'percussion_url'],
  ...['strings_url', 'synth_url', 'fx_url', 'brass_url', 'woodwinds_url'],
]

// The payload does not name its type. Links tell it best; where there are none, the keys do.
const typeOf = (infos: CallbackInfo[]): Separation['type'] => {
  const names = (key: string) => infos.some((info) => Object.hasOwn(info, key))
  const links = (key: string) => infos.some((info) => Object.hasOwn(info, key) && toUrl(info[key]) !== null)
  for (const present of [links, names]) {
    if (SPLIT_STEM.some(present)) return 'split_stem'
    if (SEPARATE_VOCAL.some(present)) return 'separate_vocal'
  }
  return 'unknown'
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
