import { BlockedUrlError } from '@stems/domain/errors'
import { expect, test } from 'vitest'
import { createUrlGuard, isBlockedAddress } from '../src/url-guard.ts'

const HOSTS = ['.aiquickdraw.com', 'cdn1.suno.ai', 'MixedCase.Example']

const refusal = (url: string, allowedHosts: string[] = HOSTS, allowPrivate = false): string | undefined => {
  try {
    createUrlGuard({ allowedHosts, allowPrivate }).check(new URL(url))
  } catch (error) {
    expect(error).toBeInstanceOf(BlockedUrlError)
    return (error as Error).message
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
  'https://cdn1.suno.ai../x.mp3',
  'https://cdn1%2esuno.ai.evil.example/x.mp3',
  'https://xn--cdn1-suno-ai.example/x.mp3',
  'https://127.0.0.1/x.mp3',
  'https://[::1]/x.mp3',
  'https://localhost/x.mp3',
])('%s is not listed, and the message names host and setting', (url) => {
  expect(refusal(url)).toMatch(/the host is not in DOWNLOAD_ALLOWED_HOSTS/)
  expect(refusal(url)).toContain(new URL(url).host)
})

test.each([
  ['http://cdn1.suno.ai/x.mp3', /http: is not https:/],
  ['ftp://cdn1.suno.ai/x.mp3', /ftp: is not https:/],
  ['file:///etc/passwd', /file: is not https:/],
  ['data:audio/mpeg;base64,AAAA', /data: is not https:/],
  ['https://user@cdn1.suno.ai/x.mp3', /credentials/],
  ['https://user:hunter2@cdn1.suno.ai/x.mp3', /credentials/],
  ['https://:hunter2@cdn1.suno.ai/x.mp3', /credentials/],
  ['https://cdn1.suno.ai:8443/x.mp3', /port 8443/],
  ['https://cdn1.suno.ai:22/x.mp3', /port 22/],
])('%s is refused even though its host is listed', (url, reason) => {
  expect(refusal(url)).toMatch(reason)
  expect(refusal(url)).not.toContain('hunter2')
})

test('the star stands for any host, and for nothing else', () => {
  expect(refusal('https://anything.example/x.mp3', ['*'])).toBeUndefined()
  expect(refusal('http://anything.example/x.mp3', ['*'])).toMatch(/not https/)
  expect(refusal('https://anything.example:81/x.mp3', ['*'])).toMatch(/port 81/)
})

test('no rule, no request', () => {
  expect(refusal('https://cdn1.suno.ai/x.mp3', [])).toMatch(/not in DOWNLOAD_ALLOWED_HOSTS/)
})

test.each(['http://127.0.0.1:8080/x.mp3', 'https://127.0.0.1/x.mp3'])(
  'where private addresses are permitted %s may be asked',
  (url) => {
    expect(refusal(url, ['127.0.0.1'], true)).toBeUndefined()
  },
)

test.each(['http://127.0.0.2/', 'ftp://127.0.0.1/', 'file:///etc/passwd', 'http://u:p@127.0.0.1/'])(
  'where private addresses are permitted %s is refused all the same',
  (url) => {
    expect(refusal(url, ['127.0.0.1'], true)).toBeDefined()
  },
)

test('the agents go only where private addresses are permitted', () => {
  expect(createUrlGuard({ allowedHosts: ['*'], allowPrivate: true }).agents).toBeUndefined()
  expect(createUrlGuard({ allowedHosts: ['*'], allowPrivate: false }).agents).toMatchObject({
    http: expect.anything(),
    https: expect.anything(),
  })
})

test('an ordinary network error is no blocked address', () => {
  expect(isBlockedAddress(new Error('connect ECONNREFUSED 127.0.0.1:443'))).toBe(false)
})
