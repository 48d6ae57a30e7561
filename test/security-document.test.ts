import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const DOCUMENT = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')

/** What the last column of a table names: files in backquotes, each with titles in «» after it. */
const namedTests = () =>
  DOCUMENT.split('\n')
    .filter((line) => /^\|.*\|$/.test(line))
    .flatMap((line) => {
      const cell = line.split('|').at(-2) ?? ''
      return [...cell.matchAll(/`([\w./-]+)`((?:,? «[^»]+»)*)/g)].map(([, file = '', titles = '']) => ({
        file,
        titles: [...titles.matchAll(/«([^»]+)»/g)].map(([, title = '']) => title),
      }))
    })

test.each(namedTests())('SECURITY.md names tests that are there: $file $titles', ({ file, titles }) => {
  const [found] = globSync([`${file}.test.ts`, `test/${file}.test.ts`, `test/${file}.ts`], { cwd: ROOT })
  expect(found, 'no such file').toBeDefined()
  const text = readFileSync(join(ROOT, found ?? ''), 'utf8')
  expect(titles.filter((title) => !text.includes(title))).toEqual([])
})

test('SECURITY.md has a test for every row of its tables', () => {
  const rows = DOCUMENT.split('\n').filter((line) => /^\|.*\|$/.test(line) && !/^\|---|shown by \|$/.test(line))
  expect(rows.length).toBeGreaterThan(40)
  expect(rows.filter((row) => !/`[^`]+`[^|]*\|$/.test(row) || row.includes('TEST?'))).toEqual([])
})
