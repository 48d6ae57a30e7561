import { stemNameSchema, titleToStemName, toStemName } from '@stems/domain/stem-name'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stemWord } from './arbitraries.ts'
import { AT_LENGTH, fuzz } from './fuzz.ts'

const pair = fc.oneof(
  fc.tuple(stemWord, stemWord),
  stemWord.chain((word) => fc.tuple(fc.constant(word), lookalike(word))),
)

test('any two names become names of files, which meet only when they are one', AT_LENGTH, () => {
  fuzz('stem names', pair, ([one, other]) => {
    const [name, otherName] = [toStemName(one), toStemName(other)]
    expect(stemNameSchema.parse(name)).toBe(name.normalize('NFKC').toLowerCase())
    expect(toStemName(one)).toBe(name)
    expect(name === otherName, `${name} and ${otherName}`).toBe(one === other)
    if (/^[a-z0-9][a-z0-9_]{0,63}$/.test(one)) expect(name, 'what is safe stays').toBe(one)
  })
})

test(
  'any title becomes a name that leaves room for what may follow, and tells apart what it has to drop',
  AT_LENGTH,
  () => {
    fuzz('titles', pair, ([one, other]) => {
      const [name, otherName] = [titleToStemName(one), titleToStemName(other)]
      expect(stemNameSchema.parse(`${name}_removed_200`)).toMatch(name)
      if (readable(one) !== readable(other)) expect(name).not.toBe(otherName)
    })
  },
)

// Titles may meet when they say the same but for case, spaces and marks.
const readable = (title: string): string =>
  /^[\x20-\x7e]*[a-zA-Z0-9][\x20-\x7e]*$/.test(title)
    ? title
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, ' ')
        .trim()
    : title

/** What is easily taken for a name: another case, another Unicode form, a piece more or less, its own result. */
function lookalike(word: string) {
  return fc.constantFrom(
    ...[
      word,
      word.toUpperCase(),
      word.toLowerCase(),
      word.normalize('NFC'),
      word.normalize('NFD'),
      word.normalize('NFKC'),
    ],
    ...[
      `${word} `,
      ` ${word}`,
      `${word}_2`,
      `${word}_`,
      `${word}\0`,
      `${word}\u200b`,
      word.slice(1),
      word.slice(0, -1),
    ],
    ...[toStemName(word), titleToStemName(word), word.toWellFormed(), word.replaceAll('-', '_')],
  )
}
