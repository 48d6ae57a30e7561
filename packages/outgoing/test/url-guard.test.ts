import { BlockedUrlError } from '@stems/domain/errors'
import { expect, test } from 'vitest'
import { createUrlGuard, type UrlRules } from '../src/url-guard.ts'

const HOSTS = ['.aiquickdraw.com', 'cdn1.suno.ai', 'MixedCase.Example']

const refusal = (url: string, rules: Partial<UrlRules> = {}): { reason: string; message: string } | undefined => {
  const guard = createUrlGuard({
    allowedHosts: HOSTS,
    allowedPorts: [443],
    allowPrivate: false,
    settingNames: { hosts: 'DOWNLOAD_ALLOWED_HOSTS', ports: 'DOWNLOAD_ALLOWED_PORTS' },
    ...rules,
  })
  try {
    guard.check(new URL(url))
  } catch (error) {
    if (error instanceof BlockedUrlError) return error
    throw error
  }
  return undefined
}

test.each([
  'https://cdn1.suno.ai/x.mp3',
  'https://CDN1.Suno.AI/x.mp3',
  'https://cdn1.suno.ai./x.mp3',
  'https://cdn1.suno.ai:443/x.mp3',
  'https://aiquickdraw.com/x.mp3',
  'https://file.aiquickdraw.com/x.mp3',
  'https://a.b.aiquickdraw.com./x.mp3',
  'https://mixedcase.example/x.mp3',
])('%s may be asked', (url) => {
  expect(refusal(url)).toBeUndefined()
})

test.each([
  'https://cdn2.suno.ai/x.mp3',
  'https://x.cdn1.suno.ai/x.mp3',
  'https://suno.ai/x.mp3',
  'https://evilaiquickdraw.com/x.mp3',
  'https://aiquickdraw.com.evil.example/x.mp3',
  'https://evil.example/file.aiquickdraw.com',
  'https://evil.example?cdn1.suno.ai',
  'https://evil.example#@cdn1.suno.ai',
  'https://evil.example\\@cdn1.suno.ai/x.mp3',
  'https://cdn1.suno.ai../x.mp3',
  'https://cdn1%2esuno.ai.evil.example/x.mp3',
  'https://xn--cdn1-suno-ai.example/x.mp3',
  'https://cdn1.sunо.ai/x.mp3', // with a Cyrillic о
  'https://8.8.8.8/x.mp3',
  'https://evil.example:8443/x.mp3',
])('%s is not listed, and the message names host and setting', (url) => {
  const found = refusal(url)
  expect(found).toMatchObject({ reason: 'host' })
  expect(found?.message).toMatch(/add it to DOWNLOAD_ALLOWED_HOSTS/)
  expect(found?.message).toContain(new URL(url).host)
})

test.each([
  ['http://cdn1.suno.ai/x.mp3', 'scheme', /http: is not https:/],
  ['ftp://cdn1.suno.ai/x.mp3', 'scheme', /ftp: is not https:/],
  ['wss://cdn1.suno.ai/x.mp3', 'scheme', /wss: is not https:/],
  ['file:///etc/passwd', 'scheme', /file: is not https:/],
  ['data:audio/mpeg;base64,AAAA', 'scheme', /data: is not https:/],
  ['unix:/var/run/docker.sock:/images', 'scheme', /unix: is not https:/],
  ['https://user@cdn1.suno.ai/x.mp3', 'credentials', /credentials/],
  ['https://user:hunter2@cdn1.suno.ai/x.mp3', 'credentials', /credentials/],
  ['https://:hunter2@cdn1.suno.ai/x.mp3', 'credentials', /credentials/],
  ['https://cdn1.suno.ai:8443/x.mp3', 'port', /port 8443 .* add it to DOWNLOAD_ALLOWED_PORTS/],
  ['https://cdn1.suno.ai:22/x.mp3', 'port', /port 22/],
  ['https://cdn1.suno.ai:80/x.mp3', 'port', /port 80/],
])('%s is refused for its %s even though its host is listed', (url, reason, words) => {
  expect(refusal(url)).toMatchObject({ reason, message: expect.stringMatching(words) })
  expect(refusal(url)?.message).not.toContain('hunter2')
})

test('the ports are those that are configured, and no others', () => {
  expect(refusal('https://cdn1.suno.ai:8443/', { allowedPorts: [443, 8443] })).toBeUndefined()
  expect(refusal('https://cdn1.suno.ai/', { allowedPorts: [443, 8443] })).toBeUndefined()
  expect(refusal('https://cdn1.suno.ai/', { allowedPorts: [8443] })).toMatchObject({ reason: 'port' })
})

test('a refusal names the settings that it is given, for not every request is a download', () => {
  const rules = { settingNames: { hosts: 'NOTIFY_HOSTS', ports: 'NOTIFY_PORTS' } }
  expect(refusal('https://evil.example/', rules)?.message).toMatch(/NOTIFY_HOSTS/)
  expect(refusal('https://cdn1.suno.ai:1/', rules)?.message).toMatch(/NOTIFY_PORTS/)
})

test('the star stands for any public host, and for nothing else', () => {
  const allowedHosts = ['*']
  expect(refusal('https://anything.example/x.mp3', { allowedHosts })).toBeUndefined()
  expect(refusal('https://8.8.8.8/x.mp3', { allowedHosts })).toBeUndefined()
  expect(refusal('http://anything.example/x.mp3', { allowedHosts })).toMatchObject({ reason: 'scheme' })
  expect(refusal('https://anything.example:81/x.mp3', { allowedHosts })).toMatchObject({ reason: 'port' })
  expect(refusal('https://u:p@anything.example/', { allowedHosts })).toMatchObject({ reason: 'credentials' })
  expect(refusal('https://127.0.0.1/x.mp3', { allowedHosts })).toMatchObject({ reason: 'address' })
})

test('no rule, no request', () => {
  expect(refusal('https://cdn1.suno.ai/x.mp3', { allowedHosts: [] })).toMatchObject({ reason: 'host' })
})

test('a private address is refused even where it is listed, and no list is advised', () => {
  const found = refusal('https://127.0.0.1/x.mp3', { allowedHosts: ['127.0.0.1'] })
  expect(found).toMatchObject({ reason: 'address', message: expect.not.stringContaining('DOWNLOAD_') })
})

test.each(['http://127.0.0.1:8080/x.mp3', 'https://127.0.0.1/x.mp3', 'http://localhost:1/'])(
  'where private addresses are permitted %s may be asked',
  (url) => {
    expect(refusal(url, { allowedHosts: ['127.0.0.1', 'localhost'], allowPrivate: true })).toBeUndefined()
  },
)

test.each(['http://127.0.0.2/', 'ftp://127.0.0.1/', 'file:///etc/passwd', 'http://u:p@127.0.0.1/'])(
  'where private addresses are permitted %s is refused all the same',
  (url) => {
    expect(refusal(url, { allowedHosts: ['127.0.0.1'], allowPrivate: true })).toBeDefined()
  },
)
