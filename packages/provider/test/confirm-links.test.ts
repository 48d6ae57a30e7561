import type { Separation } from '@stems/domain/separation'
import { expect, test } from 'vitest'
import { objectionTo, suspicionOf } from '../src/confirm-links.ts'
import { isProviderLink } from '../src/hosts.ts'

const FILES = 'https://file.aiquickdraw.com/s'

const separationOf = (links: Record<string, string | null>, change: Partial<Separation> = {}): Separation => ({
  taskId: 'task-1',
  type: 'unknown',
  code: 200,
  msg: '',
  receivedAt: '2026-01-01T00:00:00.000Z',
  stems: Object.entries(links).map(([name, url]) => ({ name, url })),
  ...change,
})
const recordOf = (links: Record<string, string>) => ({
  state: 'done' as const,
  links: Object.entries(links).map(([stem, url]) => ({ stem, url })),
})
const HONEST = { vocal: `${FILES}/v.mp3`, instrumental: `${FILES}/i%20i.mp3` }

test.each([
  ['the same links', HONEST, HONEST],
  ['some of them', { vocal: HONEST.vocal, drums: null }, HONEST],
  ['another query string', { vocal: `${HONEST.vocal}?Expires=1` }, { vocal: `${HONEST.vocal}?Expires=2` }],
  ['a raw space', HONEST, { ...HONEST, instrumental: `${FILES}/i i.mp3` }],
  ['a name for the stem that the record does not have', { lead: HONEST.vocal }, HONEST],
  ['the original song, which the record leaves out', { ...HONEST, origin: 'https://cdn1.suno.ai/x.mp3' }, HONEST],
])('a callback with %s is believed', (_what, links, record) => {
  expect(objectionTo(separationOf(links), recordOf(record))).toBeUndefined()
})

test.each([
  ['another file', { ...HONEST, vocal: `${FILES}/evil.mp3` }, /for vocal$/],
  ['another host', { ...HONEST, vocal: 'https://evil.example/s/v.mp3' }, /for vocal$/],
  ['another scheme', { ...HONEST, vocal: 'http://file.aiquickdraw.com/s/v.mp3' }, /for vocal$/],
  ['two stems swapped', { vocal: HONEST.instrumental, instrumental: HONEST.vocal }, /for vocal, instrumental$/],
  ['a stem more', { ...HONEST, drums: `${FILES}/d.mp3`, bass: `${FILES}/b.mp3` }, /for drums, bass$/],
  ['an original song from elsewhere', { ...HONEST, origin: 'https://evil.example/x.mp3' }, /for origin$/],
])('a callback with %s is not, and the stem is named', (_what, links, objection) => {
  expect(objectionTo(separationOf(links), recordOf(HONEST))).toMatch(objection)
})

test('an original song that the record does name must be that one', () => {
  const record = recordOf({ ...HONEST, origin: `${FILES}/o.mp3` })
  expect(objectionTo(separationOf({ origin: `${FILES}/other.mp3` }), record)).toMatch(/for origin$/)
})

test('one false link among those that a stem was given is one too many', () => {
  const stems = [{ name: 'vocal', url: HONEST.vocal, otherUrls: ['https://evil.example/v.mp3'] }]
  expect(objectionTo(separationOf({}, { stems }), recordOf(HONEST))).toMatch(/for vocal$/)
})

test('a task that the provider does not know, or calls failed, has no links', () => {
  expect(objectionTo(separationOf(HONEST), { state: 'unknown' })).toMatch(/knows no task/)
  expect(objectionTo(separationOf(HONEST), { state: 'failed', reason: 'too long' })).toMatch(/failed: too long/)
})

test.each([
  ['nothing about it is odd', separationOf(HONEST), undefined],
  ['it says again what is known', separationOf(HONEST), separationOf(HONEST)],
  ['a failure came before it', separationOf(HONEST), separationOf({}, { code: 500 })],
])('a callback is not suspicious when %s', (_what, separation, known) => {
  expect(suspicionOf(separation, known)).toBeUndefined()
})

test.each([
  ['nothing proved its sender', separationOf(HONEST, { isUnproven: true }), undefined],
  ['a link leads elsewhere', separationOf({ ...HONEST, vocal: 'https://evil.example/v.mp3' }), undefined],
  ['it has a stem more than before', separationOf(HONEST), separationOf({ vocal: HONEST.vocal })],
  ['it changes a link', separationOf({ ...HONEST, vocal: `${FILES}/w.mp3` }), separationOf(HONEST)],
])('a callback is suspicious when %s', (_what, separation, known) => {
  expect(suspicionOf(separation, known)).toEqual(expect.any(String))
})

test.each(['https://aiquickdraw.com/x', 'https://file.aiquickdraw.com./x', 'https://CDN1.suno.ai/x'])(
  '%s is a link of the provider',
  (link) => expect(isProviderLink(link)).toBe(true),
)

test.each(['https://evilaiquickdraw.com/x', 'https://cdn1.suno.ai.evil.example/x', 'https://suno.ai/x', 'no link'])(
  '%s is none',
  (link) => expect(isProviderLink(link)).toBe(false),
)
