import { buildManifest, manifestSchema, type StemOutcome, separationOfManifest } from '@stems/domain/manifest'
import { isNews, linksOf, mergeSeparations, type Separation, separationSchema } from '@stems/domain/separation'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { text } from './arbitraries.ts'
import { AT_LENGTH, fuzz } from './fuzz.ts'
import { callbacksOfOneTask, separation } from './separations.ts'

const MOST_LINKS = 8 // of one stem

test('callbacks of one task come to the same, in whatever order they are taken in', AT_LENGTH, () => {
  const inTwoOrders = callbacksOfOneTask({ minLength: 2, maxLength: 4 }).chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
  )
  fuzz('merged separations', inTwoOrders, ([all, shuffled]) => {
    const [merged, other] = [unite(all), unite(shuffled)]
    expect(separationSchema.parse(merged)).toEqual(merged)
    for (const [name, links] of linksByName(all)) {
      const [found, foundOther] = [linksByName([merged]).get(name), linksByName([other]).get(name)]
      expect(found, `${name} stays, with its links`).toEqual(links.size > MOST_LINKS ? expect.anything() : links)
      expect(foundOther?.size).toBe(found?.size)
    }
    expect(merged.stems.map(({ name }) => name).sort()).toEqual([...linksByName(all).keys()].sort())
    expect(unite([merged, ...all]).stems.length).toBe(merged.stems.length)
    for (const each of all) if (noStemHasTooManyLinks(all)) expect(saysNoMore(merged, each)).toBe(true)
  })
})

test('a manifest accounts for every stem, whatever became of it, and for no other', AT_LENGTH, () => {
  const cases = fc.tuple(separation, fc.array(outcome(), { maxLength: 6 }), fc.boolean())
  fuzz('manifests', cases, ([said, outcomes, isStranger]) => {
    const known = new Map(outcomes.map((each, at) => [said.stems[at]?.name ?? (isStranger ? 'stranger' : 'x'), each]))
    const manifest = buildManifest(said, known, said.receivedAt)
    expect(manifestSchema.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest)
    expect(Object.keys(manifest.stems).sort()).toEqual(said.stems.map(({ name }) => name).sort())
    for (const { name, url } of said.stems) {
      expect(manifest.stems[name]?.status).toBe(url === null ? 'empty' : (known.get(name)?.status ?? 'failed'))
    }
    expect(JSON.stringify(manifest.stems)).not.toContain('hunter2')
    const again = separationSchema.parse(separationOfManifest(manifest))
    expect(again.stems.map(({ name, url }) => [name, url !== null]).sort()).toEqual(
      said.stems.map(({ name, url }) => [name, url !== null]).sort(),
    )
  })
})

const unite = (all: Separation[]): Separation => all.reduce(mergeSeparations)

const linksByName = (all: Separation[]): Map<string, Set<string>> => {
  const found = new Map<string, Set<string>>()
  for (const { name, ...stem } of all.flatMap(({ stems }) => stems)) {
    found.set(name, new Set([...(found.get(name) ?? []), ...linksOf(stem)]))
  }
  return found
}

const noStemHasTooManyLinks = (all: Separation[]): boolean =>
  [...linksByName(all).values()].every(({ size }) => size <= MOST_LINKS)

const saysNoMore = (merged: Separation, each: Separation): boolean => !isNews(merged, each)

function outcome(): fc.Arbitrary<StemOutcome> {
  const source_url = fc.constantFrom('https://h/x', 'https://u:hunter2@h/x?hunter2#hunter2', 'no link')
  return fc.oneof(
    fc.record({
      status: fc.constant('saved' as const),
      file: fc.constant('vocal.mp3'),
      bytes: fc.nat(),
      sha256: fc.constant('0'.repeat(64)),
      content_type: fc.constant('audio/mpeg'),
      source_url,
      saved_at: fc.constant('2026-01-01T00:00:00.000Z'),
    }),
    fc.record({ status: fc.constant('failed' as const), source_url, error: fc.record({ code: text, message: text }) }),
  )
}
