import { isIPv4, isIPv6 } from 'node:net'
import { BlockedUrlError } from '@stems/domain/errors'
import { isPublicAddress } from '@stems/outgoing/address'
import { createUrlGuard } from '@stems/outgoing/url-guard'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { text } from './arbitraries.ts'
import { AT_LENGTH, fuzz } from './fuzz.ts'
import { isSpecialPurpose, NETWORKS } from './special-purpose.ts'

const guardOf = (allowedHosts: string[]) =>
  createUrlGuard({
    allowedHosts,
    allowedPorts: [443],
    allowPrivate: false,
    settingNames: { hosts: 'DOWNLOAD_ALLOWED_HOSTS', ports: 'DOWNLOAD_ALLOWED_PORTS' },
  })
const GUARDS = [guardOf(['.aiquickdraw.com', 'cdn1.suno.ai']), guardOf(['*']), guardOf([])] as const

test('no IPv4 address of a special purpose is a public one, and every other is', AT_LENGTH, () => {
  fuzz('IPv4 addresses', ipv4(), (address) => {
    expect(isPublicAddress(address)).toBe(!isSpecialPurpose(address))
  })
})

test('no IPv6 address of a special purpose is a public one, in whatever form it is written', AT_LENGTH, () => {
  fuzz('IPv6 addresses', ipv6(), (address) => {
    if (isSpecialPurpose(address)) expect(isPublicAddress(address), `${address} is not public`).toBe(false)
    if (isPublicAddress(address)) expect(isIPv6(address) && /^[23]/.test(canonical(address))).toBe(true)
  })
})

test(
  'a URL that may be asked is https, of a listed host, on the default port, and leads to no address of ours',
  AT_LENGTH,
  () => {
    fuzz('URLs of odd parts', oddUrl(), (tried) => {
      const url = URL.parse(tried)
      if (!url) return
      const [listed, any, none] = GUARDS.map((guard) => isLetThrough(guard, url))
      expect(none).toBe(false)
      if (listed) expect(any, 'who is on the list is somebody').toBe(true)
      if (listed) expect(url.hostname.replace(/\.$/, '')).toMatch(/^(?:(?:[^/@:]*\.)?aiquickdraw\.com|cdn1\.suno\.ai)$/)
      if (!any) return
      expect(url).toMatchObject({ protocol: 'https:', username: '', password: '', port: '' })
      const literal = url.hostname.replace(/^\[|\]$/g, '')
      if (isIPv4(literal) || isIPv6(literal)) expect(isSpecialPurpose(literal)).toBe(false)
      expect(url.hostname).not.toMatch(/(?:^|\.)localhost\.*$/)
    })
  },
)

const isLetThrough = (guard: (typeof GUARDS)[number], url: URL): boolean => {
  try {
    guard.check(url)
    return true
  } catch (error) {
    if (!(error instanceof BlockedUrlError)) throw error
    expect(error.verdict).toBe('never')
    for (const secret of [url.search, url.hash, url.password].filter((part) => part.length > 4)) {
      expect(error.message, 'a refusal quotes no secret').not.toContain(secret)
    }
    return false
  }
}

/** An address near the edge of a special range, or any. */
function ipv4(): fc.Arbitrary<string> {
  const edges = NETWORKS.ipv4.flatMap(([network, bits]) => {
    const first = network.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
    const last = first + 2 ** (32 - bits) - 1
    return [first - 1, first, first + 1, last - 1, last, last + 1].filter((each) => each >= 0 && each < 2 ** 32)
  })
  return fc
    .oneof(fc.constantFrom(...edges), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
    .map((number) => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.'))
}

function ipv6(): fc.Arbitrary<string> {
  const piece = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x5efe, 0x7f00, 0x0200, 0xa9fe, 0xff9b), fc.nat(0xffff))
  const tail = fc.array(piece, { minLength: 8, maxLength: 8 })
  const head = fc.oneof(
    fc.constantFrom(...NETWORKS.ipv6.map(([network]) => network)),
    fc.constantFrom(
      '2a00::',
      '2606:4700::',
      '2400::',
      '3ffe::',
      '2003::',
      '1fff::',
      '4000::',
      '::ffff:0:0',
      '::5efe:0:0',
    ),
  )
  return fc
    .record({ head, tail, keep: fc.integer({ min: 0, max: 8 }), isDotted: fc.boolean() })
    .map(({ head, tail, keep, isDotted }) => {
      const pieces = canonical(head)
        .split(':')
        .map((each) => Number.parseInt(each, 16))
      const made = tail.map((each, at) => (at < keep ? (pieces[at] ?? 0) : each))
      const hex = made.map((each) => each.toString(16))
      if (!isDotted) return hex.join(':')
      const [high = 0, low = 0] = made.slice(6)
      return `${hex.slice(0, 6).join(':')}:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
    })
}

/** All eight pieces, none left out. */
const canonical = (address: string): string => {
  const [left = '', right] = new URL(`https://[${address}]`).hostname.slice(1, -1).split('::')
  const [before, after] = [left, right ?? ''].map((side) => side.split(':').filter(Boolean)) as [string[], string[]]
  const zeros = right === undefined ? [] : Array(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].join(':')
}

function oddUrl(): fc.Arbitrary<string> {
  const number = fc.oneof(
    ipv4().map((address) => address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)),
  )
  const spelled = fc.oneof(
    number.map(String),
    number.map((each) => `0x${each.toString(16)}`),
    number.map((each) => `0${each.toString(8)}`),
    ipv4().map((address) =>
      address
        .split('.')
        .map((byte) => `0${Number(byte).toString(8)}`)
        .join('.'),
    ),
    ipv4().map((address) => address.replaceAll('.', '。')),
    ipv4().map((address) => address.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)))),
    ipv4().map((address) => address.replaceAll('.', '%2e')),
    ipv4().map((address) => `${address}.`),
    ipv4(),
    ipv6().map((address) => `[${address}]`),
  )
  const name = fc.constantFrom(
    ...[
      'file.aiquickdraw.com',
      'aiquickdraw.com',
      'FILE.AIQUICKDRAW.COM',
      'aiquickdraw.com.',
      'cdn1.suno.ai',
      'CDN1.suno.ai.',
    ],
    ...[
      'evilaiquickdraw.com',
      'aiquickdraw.com.evil.example',
      'x.cdn1.suno.ai',
      'aiquickdraw.com..',
      '.aiquickdraw.com',
    ],
    ...[
      'localhost',
      'LOCALHOST.',
      'a.localhost',
      'localhost..',
      'ｌocalhost',
      'localhost%00',
      'xn--',
      'a b',
      '',
      '*',
      '%',
    ],
    ...[
      'aiquickdraw.com%2eevil.example',
      'aiquickdraw.com\\@evil.example',
      'evil.example#.aiquickdraw.com',
      'e.x?.aiquickdraw.com',
    ],
    ...[
      'file.aiquickdraw。com',
      'file\u00ad.aiquickdraw.com',
      'aiquickdraw.com@127.0.0.1',
      '127.0.0.1@aiquickdraw.com',
    ],
  )
  return fc
    .record({
      scheme: fc.oneof(
        { weight: 6, arbitrary: fc.constant('https://') },
        fc.constantFrom(
          'HTTPS://',
          'https:',
          'https:/',
          'https:\\\\',
          'https:///',
          ' https://',
          'ht\ntps://',
          '\0https://',
        ),
        fc.constantFrom(
          'http://',
          'ftp://',
          'file://',
          'gopher://',
          'javascript:',
          'data:',
          'blob:https://',
          'wss://',
          '//',
          '',
        ),
      ),
      user: fc.oneof(
        { weight: 6, arbitrary: fc.constant('') },
        fc.constantFrom('a@', ':b@', 'a:b@', '@', 'a%40b@', 'a@b@', '/@', '\\@'),
      ),
      host: fc.oneof({ weight: 2, arbitrary: name }, { weight: 2, arbitrary: spelled }, fc.domain(), text),
      port: fc.oneof(
        { weight: 5, arbitrary: fc.constant('') },
        fc.constantFrom(':', ':443', ':0443', ':80', ':0', ':65536', ':6379', ':x'),
      ),
      path: fc.constantFrom(
        '',
        '/',
        '/s/a b.mp3',
        '\\x',
        '/..',
        '/@127.0.0.1',
        '?hunter22',
        '/x?u=https://a/#hunter22',
        '#@b',
      ),
    })
    .map(({ scheme, user, host, port, path }) => scheme + user + host + port + path)
}
