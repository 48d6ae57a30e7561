import { hasSecrets, publicLink, redactLinks } from '@stems/domain/link'
import { createLog } from '@stems/telemetry/log'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { link, linkWithSecret, text } from './arbitraries.ts'
import { AT_LENGTH, fuzz } from './fuzz.ts'

const SECRET = 'hunter2'

// In a text a raw space ends a link, as people read it too.
const written = fc
  .oneof({ weight: 4, arbitrary: linkWithSecret(SECRET) }, { weight: 1, arbitrary: broken() })
  .map((whole) => whole.replaceAll(' ', '%20'))

// What stands before, between and after links: never the secret itself.
const filler = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '"',
    "'",
    '<',
    '>',
    '(',
    ')',
    ', ',
    '; ',
    '\n',
    '\\n',
    '\\"',
    '{"url":"',
    '"}',
    'GET ',
    ' failed',
    '=',
    '_',
    '9',
    '.',
    'é',
  ),
  text,
)

test('the public form of a link shows nothing but the place, and is its own public form', AT_LENGTH, () => {
  fuzz('public links', link, (tried) => {
    const shown = publicLink(tried)
    expect(publicLink(shown)).toBe(shown)
    expect(hasSecrets(shown)).toBe(false)
    if (URL.canParse(tried)) expect(new URL(shown)).toMatchObject({ username: '', password: '', search: '', hash: '' })
    if (/^\w+:\/\//.test(tried) && URL.canParse(tried)) expect(shown).not.toContain(SECRET)
  })
})

test('a text keeps none of the secrets of the links in it, and loses no more when it is read again', AT_LENGTH, () => {
  const texts = fc.array(fc.tuple(filler, fc.oneof(written, fc.constant(''))), { maxLength: 4 })
  fuzz('links in texts', texts, (pieces) => {
    const told = pieces.flat().join('')
    const shown = redactLinks(told)
    expect(shown).not.toContain(SECRET)
    expect(redactLinks(shown)).toBe(shown)
    if (!told.includes('://')) expect(shown).toBe(told)
  })
})

test('a log line stays JSON and keeps no secret of a link, wherever it is quoted', AT_LENGTH, () => {
  const lines: string[] = []
  const log = createLog('fuzz', 'info', { write: (line) => void lines.push(line) })
  const fields = fc.record({
    where: text,
    deep: fc.record({ list: fc.array(written, { maxLength: 2 }) }),
    error: written,
  })
  fuzz('links in log lines', fc.tuple(fields, filler, written), ([{ where, ...quoted }, before, said]) => {
    log.info({ ...quoted, err: new Error(`GET ${said} failed`), where }, before + said)
    const line = lines.pop() ?? ''
    expect(line).not.toContain(SECRET)
    expect(JSON.parse(line)).toMatchObject({ app: 'fuzz', level: 'info', where: redactLinks(where) })
  })
})

/** What only looks like a link, to people or to whoever wrote the message. */
function broken() {
  return linkWithSecret(SECRET).map((whole) => whole.replace(/:\/\/(.*@)?[^/?#]*/, '://$1[bad:99999'))
}
