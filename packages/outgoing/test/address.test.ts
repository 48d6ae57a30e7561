import { BlockedUrlError } from '@stems/domain/errors'
import { expect, test } from 'vitest'
import { isPublicAddress } from '../src/address.ts'
import { createUrlGuard } from '../src/url-guard.ts'
import { NO_HOSTS, PRIVATE_ADDRESSES, PRIVATE_SPELLINGS, PUBLIC_ADDRESSES } from './private-addresses.ts'

const guard = createUrlGuard({
  allowedHosts: ['*'],
  allowedPorts: [443],
  allowPrivate: false,
  settingNames: { hosts: 'HOSTS', ports: 'PORTS' },
})
const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address)
const refusal = (link: string): unknown => {
  try {
    return guard.check(new URL(link))
  } catch (error) {
    return error instanceof BlockedUrlError ? error.reason : error
  }
}

test('the table holds what it says, once each', () => {
  const all = [...PRIVATE_ADDRESSES, ...PRIVATE_SPELLINGS]
  expect(new Set(PRIVATE_ADDRESSES).size).toBe(PRIVATE_ADDRESSES.length)
  expect(new Set(all).size).toBeGreaterThanOrEqual(180)
})

test.each(PRIVATE_ADDRESSES)('%s is not public', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})

test.each(PUBLIC_ADDRESSES)('%s is public, and may be asked where any public host may', (address) => {
  expect(isPublicAddress(address)).toBe(true)
  expect(refusal(`https://${bracketed(address)}/x.mp3`)).toBeUndefined()
})

test.each([
  '',
  'example.org',
  'localhost',
  '127.1',
  '0x7f000001',
  '2130706433',
  '8.8.8',
  '08.8.8.8',
  '[2606:4700::1]',
  '8.8.8.8 ',
])('what is not the one form of an address is not public either: %j', (text) => {
  expect(isPublicAddress(text)).toBe(false)
})

test.each(PRIVATE_ADDRESSES.filter((address) => !address.includes('%')))(
  'a link to %s is refused before it is asked, whatever hosts are allowed',
  (address) => {
    expect(refusal(`https://${bracketed(address)}/x.mp3`)).toBe('address')
  },
)

test.each(PRIVATE_SPELLINGS)('a link to %j is seen through and refused before it is asked', (host) => {
  expect(refusal(`https://${host}/x.mp3`)).toBe('address')
})

test.each(NO_HOSTS)('a link to %j is no URL', (host) => {
  expect(URL.canParse(`https://${host}/x.mp3`)).toBe(false)
})
