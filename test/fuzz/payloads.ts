import fc from 'fast-check'
import { type DocumentedPayload, documentedPayload } from '../stand-in/payloads.ts'
import { json, link, loadedWord, own, stemWord, taskId, text } from './arbitraries.ts'

const DOCUMENTED: DocumentedPayload[] = [
  ...(['separate-vocal', 'separate-vocal-failed', 'split-stem'] as const),
  ...(['split-stem-failed', 'split-stem-advanced'] as const),
]

/** What may go wrong in one place of a payload. `at` picks the place, `other` another one. */
type Fault = {
  kind: 'replace' | 'remove' | 'rename' | 'swap' | 'wrap' | 'repeat' | 'add' | 'copy'
  at: number
  other: number
  name: string
  value: unknown
}

const fault: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constantFrom('replace', 'remove', 'rename', 'swap', 'wrap', 'repeat', 'add', 'copy', 'add', 'rename'),
  at: fc.nat(200),
  other: fc.nat(200),
  name: fc.oneof(
    stemWord.map((word) => `${word}_url`),
    fc.constantFrom(
      '_url',
      'vocal_removal_info',
      'vocal_separation_info',
      'origin_data',
      'code',
      'data',
      'task_id',
      'msg',
    ),
    fc.constantFrom('extract', 'remove', 'audio_url', 'stem_type_group_name'),
    loadedWord,
  ),
  value: fc.oneof({ weight: 3, arbitrary: link }, { weight: 1, arbitrary: fc.constant(null) }, text, json),
})

/** The documented callbacks, mostly each of a task of its own, with a few faults each. */
export const faultyPayload: fc.Arbitrary<unknown> = fc
  .record({
    name: fc.constantFrom(...DOCUMENTED),
    id: fc.option(taskId, { freq: 3 }),
    faults: fc.array(fault, { maxLength: 6 }),
  })
  .map(({ name, id, faults }) => faults.reduce(withFault, documentedPayload(name, id ? { taskId: id } : {}) as unknown))

/** Stems by keys, few enough that two lists of them often name the same. */
const keyedInfo = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom('vocal', 'drums', 'Vocal', ''), stemWord).map((word) => `${word}_url`),
      fc.option(fc.oneof(fc.constantFrom('https://h/1', 'https://h/2', ''), link)),
    ),
    { maxLength: 4 },
  )
  .map(own)

/** A callback in the list form, by titles, that may speak the other dialect too. */
export const listedPayload: fc.Arbitrary<unknown> = fc
  .record({
    taskId: fc.constantFrom('task-1', 'ABC', '0'),
    groups: fc.array(
      fc.record(
        {
          extract: fc.option(listedFile()),
          remove: fc.option(listedFile()),
          audio_url: fc.option(link),
          stem_type_group_name: stemWord,
        },
        { requiredKeys: [] },
      ),
      { maxLength: 12 },
    ),
    keyed: keyedInfo,
    other: fc.option(keyedInfo),
  })
  .map(({ taskId, groups, keyed, other }) => ({
    code: 200,
    msg: 'ok',
    data: {
      task_id: taskId,
      vocal_separation_info: other,
      vocal_removal_info: { ...keyed, ...(groups.length > 0 ? { origin_data: groups } : {}) },
    },
  }))

function listedFile() {
  return fc.record({ audio_url: link, stem_type_group_name: fc.oneof(stemWord, loadedWord) }, { requiredKeys: [] })
}

type Place = { holder: Record<string, unknown>; name: string }

const withFault = (body: unknown, { kind, at, other, name, value }: Fault): unknown => {
  const places = placesOf(body)
  const place = places[at % Math.max(1, places.length)]
  if (!place) return value
  const { holder } = place
  const second = places[other % places.length] as Place
  if (kind === 'replace') set(holder, place.name, value)
  if (kind === 'remove') delete holder[place.name]
  if (kind === 'wrap') set(holder, place.name, at % 2 ? [holder[place.name]] : own([[name, holder[place.name]]]))
  if (kind === 'repeat') set(holder, place.name, [holder[place.name], holder[place.name]])
  if (kind === 'add') set(holder, name, value)
  if (kind === 'copy') set(holder, name, structuredClone(holder[place.name]))
  if (kind === 'rename') {
    const moved = holder[place.name]
    delete holder[place.name]
    set(holder, name, moved)
  }
  if (kind === 'swap') {
    const [one, two] = [structuredClone(holder[place.name]), structuredClone(second.holder[second.name])]
    set(second.holder, second.name, one)
    set(holder, place.name, two)
  }
  return body
}

const set = (holder: Record<string, unknown>, name: string, value: unknown): void => {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true })
}

const placesOf = (value: unknown): Place[] => {
  if (typeof value !== 'object' || value === null) return []
  const holder = value as Record<string, unknown>
  return Object.keys(holder).flatMap((name) => [{ holder, name }, ...placesOf(holder[name])])
}
