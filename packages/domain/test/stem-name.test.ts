import { expect, test } from 'vitest'
import { stemNameSchema, titleToStemName, toStemName } from '../src/stem-name.ts'

const DOCUMENTED = [
  ...['vocal', 'instrumental', 'backing_vocals', 'drums', 'bass', 'guitar', 'keyboard', 'percussion'],
  ...['strings', 'synth', 'fx', 'brass', 'woodwinds', 'origin', 'piano'],
]

const HOSTILE = [
  ...['../../etc/passwd', '..', '.', '/', 'a/b', 'a\\b', 'vocal.mp3', '.part', 'sep_x.1.vocal', 'vocal\0', 'vocal\n'],
  ...['', ' ', '_', '-', 'Vocal', 'VOCAL', ' vocal', 'vocal ', 'vocals', '__proto__', 'constructor', 'manifest'],
  ...[
    'caf\u00e9',
    'cafe\u0301',
    'вокал',
    '人声',
    '🎤',
    '🥁',
    '\ud800',
    '\udfff',
    '\ufffd',
    'ﬁ',
    'İ',
    'ı',
    '‮lacov',
    'a'.repeat(300),
  ],
  ...[`${'a'.repeat(300)}b`, 'a'.repeat(64), 'a'.repeat(65), '%2e%2e%2f', 'con', 'NUL', 'a:b', '{}', '*', '~root'],
]

test.each(DOCUMENTED)('the documented name %s is kept as it is', (name) => {
  expect(toStemName(name)).toBe(name)
})

test.each(HOSTILE.map((name) => [name.slice(0, 20), name]))(
  'the name %j becomes one that is safe as a file name and in a job id',
  (_start, name) => {
    expect(toStemName(name)).toMatch(/^[a-z0-9][a-z0-9_-]*$/)
    expect(stemNameSchema.safeParse(toStemName(name)).success).toBe(true)
    expect(stemNameSchema.safeParse(titleToStemName(name)).success).toBe(true)
  },
)

test('no two names of the payload meet under one name', () => {
  const named = [...DOCUMENTED, ...HOSTILE]
  expect(new Set(named.map(toStemName)).size).toBe(new Set(named).size)
})

test('a name that imitates the result of another does not meet it', () => {
  const taken = toStemName('Vocal')
  expect(toStemName(taken)).not.toBe(taken)
})

test('the same name has the same result every time', () => {
  expect(HOSTILE.map(toStemName)).toEqual(HOSTILE.map(toStemName))
})

test('an unsafe name stays readable', () => {
  expect(toStemName('Sub Bass!')).toMatch(/^sub_bass-[0-9a-f]{8}$/)
})

test.each([
  ['Lead Vocal', 'lead_vocal'],
  ['Vocals', 'vocals'],
  ['  FX  ', 'fx'],
  ['Backing Vocals (2)', 'backing_vocals_2'],
  ['Hi-Hat', 'hi_hat'],
])('the title %j becomes %s', (title, name) => {
  expect(titleToStemName(title)).toBe(name)
})

test.each([
  ['人声', '鼓'],
  ['Synth 人', 'Synth 鼓'],
  ['', '人声'],
  ['!!!', '???'],
])('the titles %j and %j, of which the slug keeps nothing that tells them apart, stay apart', (one, other) => {
  expect(titleToStemName(one)).not.toBe(titleToStemName(other))
})

test('a title leaves room for the suffix of its other half', () => {
  expect(stemNameSchema.safeParse(`${titleToStemName('x '.repeat(300))}_removed_99`).success).toBe(true)
})

test.each(['', '-a', '_a', 'A', 'a.b', 'a/b', 'a b', 'é', 'a\n'])('%j is no stem name', (name) => {
  expect(stemNameSchema.safeParse(name).success).toBe(false)
})

test('a stem name has at most 96 characters', () => {
  expect([96, 97].map((length) => stemNameSchema.safeParse('a'.repeat(length)).success)).toEqual([true, false])
})
