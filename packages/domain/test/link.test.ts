import { expect, test } from 'vitest'
import { hasSecrets, publicLink, redactLinks } from '../src/link.ts'

test.each([
  ['https://cdn.example/a.mp3', 'https://cdn.example/a.mp3'],
  ['https://cdn.example/a.mp3?Signature=hunter2&Expires=1', 'https://cdn.example/a.mp3'],
  ['https://cdn.example/a%20b.mp3#hunter2', 'https://cdn.example/a%20b.mp3'],
  ['https://me:hunter2@cdn.example:8443/a.mp3', 'https://cdn.example:8443/a.mp3'],
  ['ftp://me:hunter2@cdn.example/a.mp3', 'ftp://cdn.example/a.mp3'],
  ['https://cdn.example', 'https://cdn.example'],
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
