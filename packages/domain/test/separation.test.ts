import { expect, test } from 'vitest'
import { hasLinks, isNews, mergeSeparations, type Separation, separationSchema } from '../src/separation.ts'

const separation = (links: Record<string, string | null>, change: Partial<Separation> = {}): Separation => ({
  taskId: 'task-1',
  type: 'split_stem',
  code: 200,
  msg: 'done',
  receivedAt: '2026-01-01T00:00:00.000Z',
  stems: Object.entries(links).map(([name, url]) => ({ name, url })),
  ...change,
})
const failure = separation({}, { code: 500, msg: 'failed', type: 'unknown', receivedAt: '2026-01-02T00:00:00.000Z' })
const linksOf = ({ stems }: Separation) => Object.fromEntries(stems.map(({ name, url }) => [name, url]))

const A = 'https://far.side/a.mp3'
const B = 'https://far.side/b.mp3'

test.each([
  ['an exact repeat', { vocal: A }, { vocal: A }, [], false],
  ['a link for a stem that had none', { vocal: null }, { vocal: A }, [], true],
  ['another link', { vocal: A }, { vocal: B }, [], true],
  ['a stem that nobody had named', { vocal: A }, { vocal: A, drums: B }, [], true],
  ['a link after a failure', {}, { vocal: A }, [], true],
  ['a failure after a success', { vocal: A }, {}, [], false],
  ['a stem named without a link', { vocal: A }, { vocal: A, drums: null }, [], false],
  ['a link that was taken back', { vocal: A }, { vocal: null }, [], false],
  ['fewer stems', { vocal: A, drums: B }, { vocal: A }, [], false],
  ['another link for a stem that is saved', { vocal: A }, { vocal: B }, ['vocal'], false],
  ['other links, of which one stem is saved', { vocal: A, drums: A }, { vocal: B, drums: B }, ['vocal'], true],
])('%s is news: %#', (_what, known, later, saved, news) => {
  expect(isNews(separation(known), separation(later), new Set(saved))).toBe(news)
})

test('a late failure erases neither stems nor the success', () => {
  const known = separation({ vocal: A, drums: null })
  expect(mergeSeparations(known, failure)).toEqual(known)
})

test('a success after a failure tells the story from then on', () => {
  const success = separation({ vocal: A })
  expect(mergeSeparations(failure, success)).toEqual(success)
})

test('of two failures the later one is told', () => {
  const later = { ...failure, code: 451, msg: 'refused' }
  expect(mergeSeparations(failure, later)).toEqual(later)
})

test.each([
  ['the newest link wins', { vocal: A }, { vocal: B }, { vocal: B }],
  ['a link that was taken back stays', { vocal: A }, { vocal: null, drums: B }, { vocal: A, drums: B }],
  [
    'stems that the later one does not name stay',
    { vocal: A, fx: null },
    { drums: B },
    { vocal: A, fx: null, drums: B },
  ],
  ['a link comes where there was none', { vocal: null }, { vocal: A }, { vocal: A }],
  ['a stem named by nobody with a link stays named', { vocal: A }, { fx: null }, { vocal: A, fx: null }],
])('merging: %s', (_what, known, later, merged) => {
  expect(linksOf(mergeSeparations(separation(known), separation(later)))).toEqual(merged)
})

test('merging changes neither of the two', () => {
  const known = separation({ vocal: A })
  const later = separation({ vocal: B, drums: null })
  mergeSeparations(known, later)
  expect([linksOf(known), linksOf(later)]).toEqual([{ vocal: A }, { vocal: B, drums: null }])
})

test('what was merged is no news any more, in whatever order callbacks come', () => {
  const callbacks = [separation({ vocal: A }), failure, separation({ vocal: B, drums: null }), separation({ drums: A })]
  for (const known of callbacks) {
    for (const later of callbacks) {
      const merged = mergeSeparations(known, later)
      expect(isNews(merged, later)).toBe(false)
      expect(new Set(merged.stems.map(({ name }) => name))).toEqual(
        new Set([...known.stems, ...later.stems].map(({ name }) => name)),
      )
      expect(separationSchema.parse(merged)).toEqual(merged)
    }
  }
})

test('there is something to fetch only where a stem has a link', () => {
  expect([{}, { vocal: null }, { vocal: null, drums: A }].map((links) => hasLinks(separation(links)))).toEqual([
    false,
    false,
    true,
  ])
})

test('however many links come, the newest and the very first one stay', () => {
  const links = Array.from({ length: 30 }, (_, n) => `https://far.side/${n}.mp3`)
  const callbacks = links.map((url, n) => ({
    ...separation({ vocal: url }),
    receivedAt: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
  }))
  const [vocal] = callbacks.reduce(mergeSeparations).stems
  expect(vocal?.url).toBe(links.at(-1))
  expect(vocal?.otherUrls).toEqual([...links.slice(-7, -1).reverse(), links[0]])
})
