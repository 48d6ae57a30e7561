import { expect, test } from 'vitest'
import { hasSecrets, publicLink, redactLinks } from '../src/link.ts'

test.each([
  ['https://cdn.example/a.mp3', 'https://cdn.example/a.mp3'],
  ['https://cdn.example/a.mp3?Signature=hunter2&Expires=1', 'https://cdn.example/a.mp3'],
  ['https://cdn.example/a%20b.mp3#hunter2', 'https://cdn.example/a%20b.mp3'],
  ['https://me:hunter2@cdn.example:8443/a.mp3', 'https://cdn.example:8443/a.mp3'],
  ['ftp://me:hunter2@cdn.example/a.mp3', 'ftp://cdn.example/a.mp3'],
  ['https://cdn.example', 'https://cdn.example'],
  ['blob:https://me:hunter2@cdn.example/x', 'blob:https://cdn.example/x'],
  ['http://[bad/x?k=hunter2', 'http://[bad/x'],
  ['no link at all?hunter2', 'no link at all?hunter2'],
])('%s is shown as %s', (link, shown) => {
  expect(publicLink(link)).toBe(shown)
  expect(publicLink(shown)).toBe(shown)
})

test.each(['https://h/?a', 'https://h/#a', 'https://u@h/', 'https://:p@h/'])('%s carries more than a place', (link) => {
  expect(hasSecrets(link)).toBe(true)
})

test.each(['https://h/', 'https://h/a;b=c', 'https://h/?', 'text'])('%s is a place and nothing else', (link) => {
  expect(hasSecrets(link)).toBe(false)
})

test('every link in a text loses what is secret, and the text around it stays', () => {
  const text = '{"error":"GET https://u:hunter2@a.example/x?k=hunter2 failed","next":"redis://:hunter2@r:6379/0?x=1"}'
  expect(redactLinks(text)).toBe('{"error":"GET https://a.example/x failed","next":"redis://r:6379/0"}')
})

test('what only looks like a link loses its secrets too', () => {
  expect(redactLinks('Invalid URL https://u:hunter2@[bad/x?k=hunter2')).toBe('Invalid URL https://[bad/x')
})

test('text without a link is left alone', () => {
  expect(redactLinks('a?b=c user:pass@host')).toBe('a?b=c user:pass@host')
})

test.each([
  [
    "GET https://cdn.example/Don't.mp3?k=hunter2",
    "GET https://cdn.example/Don't.mp3",
    'an apostrophe does not end a link',
  ],
  ['_https://u:hunter2@h/?hunter2', '_https://h/', 'a sign of a name may stand before it'],
  ['1https://u:hunter2@h/?hunter2', '1https://h/', 'so may a digit'],
  ['.-+https://u:hunter2@h/', '.-+https://h/', 'so may what schemes are made of'],
  ['https://a/x,https://u:hunter2@b/y', 'https://a/x,https://b/y', 'one link may follow another without a space'],
  ['https://[bad/x,https://u:hunter2@b/y', 'https://[bad/x,https://b/y', 'so it may when the first is broken'],
  ['1://u:x@h', '1://u:x@h', 'without a letter there is no scheme'],
])('of %j there is left %j: %s', (text, shown) => {
  expect(redactLinks(text)).toBe(shown)
})

test('a text made to keep whoever reads it busy is read at once', () => {
  const text = `${'a.'.repeat(500_000)}!://`
  expect(redactLinks(text)).toBe(text)
})

test.each([
  [
    'https://me.example/callbacks/separation/s3cret?purchase=1 was refused',
    'https://me.example/callbacks/separation/… was refused',
  ],
  ['could not POST to me.example/callbacks/separation/s3cret', 'could not POST to me.example/callbacks/separation/…'],
  ['{"url":"/callbacks/separation/s3cret"}', '{"url":"/callbacks/separation/…"}'],
  ['callbacks%2Fseparation%2Fs3cret', 'callbacks%2Fseparation%2F…'],
  ['POST /callbacks/separation', 'POST /callbacks/separation'],
])('the token in a callback URL that somebody quotes is not told: %s', (text, shown) => {
  expect(redactLinks(text)).toBe(shown)
})
