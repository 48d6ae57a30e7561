import { type Separation, separationSchema } from '@stems/domain/separation'
import { stemNameSchema, toStemName } from '@stems/domain/stem-name'
import { parseCallback, readTaskId, UnknownShapeError, UnreadableTaskIdError } from '@stems/provider/callback'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { json, own, text } from './arbitraries.ts'
import { AT_LENGTH, fuzz } from './fuzz.ts'
import { faultyPayload, listedPayload } from './payloads.ts'

const AT = '2026-01-01T00:00:00.000Z'

test('a documented callback with any fault is read whole or refused in words', AT_LENGTH, () => {
  fuzz('payload: documented, with faults', faultyPayload, isReadOrRefused)
})

test('a list of any titles is read whole or refused in words', AT_LENGTH, () => {
  fuzz('payload: lists of titles', listedPayload, isReadOrRefused)
})

test('any JSON at all is read whole or refused in words', AT_LENGTH, () => {
  const info = fc
    .array(
      fc.tuple(
        fc.oneof(
          text,
          text.map((word) => `${word}_url`),
        ),
        json,
      ),
      { maxLength: 5 },
    )
    .map(own)
  const callback = fc
    .tuple(json, json, fc.constantFrom('vocal_separation_info', 'vocal_removal_info'), info)
    .map(([code, msg, key, read]) => ({ code: code ?? 200, msg, data: { task_id: 'task-1', [key]: read } }))
  fuzz('payload: any JSON', fc.oneof(json, callback), isReadOrRefused)
})

const isReadOrRefused = (made: unknown): void => {
  const sent = JSON.stringify(made)
  const body: unknown = JSON.parse(sent)
  const taskId = orRefusal(() => readTaskId(body), UnreadableTaskIdError)
  const separation = orRefusal(() => parseCallback(body, AT), UnknownShapeError)
  expect(JSON.stringify(body), 'the payload is not changed').toBe(sent)
  if (!separation) return
  expect(separation.taskId).toBe(taskId)
  expect(separationSchema.parse(JSON.parse(JSON.stringify(separation)))).toEqual(separation)
  hasNamesThatKeepApart(separation)
  losesNothing(body as Body, separation)
}

const hasNamesThatKeepApart = ({ stems }: Separation): void => {
  const names = stems.map(({ name }) => stemNameSchema.parse(name))
  expect(new Set(names.map((name) => name.normalize('NFKC').toLowerCase())).size).toBe(names.length)
  for (const { url } of stems) expect(url === null || URL.canParse(url), `${url} is a link`).toBe(true)
}

type Body = { data: Record<'vocal_separation_info' | 'vocal_removal_info', Record<string, unknown> | null | undefined> }
type Group = { extract?: { audio_url?: string }; remove?: { audio_url?: string }; audio_url?: string }

// What anybody can see in the payload, read without our parser.
const losesNothing = ({ data }: Body, { stems }: Separation): void => {
  const kept = { names: new Set(stems.map(({ name }) => name)), links: new Set(stems.map(({ url }) => url)) }
  for (const info of [data.vocal_separation_info, data.vocal_removal_info]) {
    const keyed = Object.entries(info ?? {}).filter(([key]) => key.endsWith('_url'))
    for (const [key] of keyed) expect(kept.names, `${key} is kept`).toContain(toStemName(key.slice(0, -4)))
    const groups = (info?.origin_data ?? []) as Group[]
    const listed = groups.flatMap((group) => [group.extract?.audio_url, group.remove?.audio_url, group.audio_url])
    for (const link of [...keyed.map(([, value]) => value), ...listed]) {
      if (typeof link === 'string' && link.trim() !== '') {
        expect(kept.links, `${link} is kept`).toContain(new URL(link.trim()).href)
      }
    }
  }
}

const orRefusal = <T>(read: () => T, refusal: new (...args: never[]) => Error): T | undefined => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof refusal)) throw error
    expect(error.message).not.toBe('')
    return undefined
  }
}
