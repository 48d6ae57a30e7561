import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Is this an address that anybody on the internet may be found under?
 *
 * Only plain unicast is. Loopback, private, link-local (cloud metadata with it), shared (CGNAT), multicast,
 * documentation and reserved ranges are not, nor is any form of IPv6 that carries an IPv4 address to somebody who
 * unpacks it (mapped, compatible, NAT64, 6to4, Teredo, ISATAP), nor an address with a zone.
 * Sources: the IANA special-purpose registries (RFC 6890), as ipaddr.js keeps them.
 *
 * @param address as a resolver answers it; what is no address is not public either
 */
export const isPublicAddress = (address: string): boolean => {
  if (isIP(address) === 0 || address.includes('%')) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  if (parsed instanceof ipaddr.IPv6) return parsed.match(GLOBAL_UNICAST) && !isIsatap(parsed)
  return !UNICAST_BUT_INTERNAL.has(parsed.toString())
}

/**
 * The address that a URL names without any resolver, or `undefined` where it names a host. `URL` has brought every
 * spelling (decimal, octal, hexadecimal, short, full-width, percent-encoded) into one form by then.
 */
export const literalAddress = ({ hostname }: URL): string | undefined => {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(bare) === 0 ? undefined : bare
}

/** `localhost` and all below it lead to this machine whatever a resolver says (RFC 6761, 6.3). */
export const isLocalhost = ({ hostname }: URL): boolean => /(^|\.)localhost\.*$/i.test(hostname)

// All that was ever given out as global unicast (RFC 4291, 2.4). What is outside holds, among others, the
// IPv4-compatible addresses ::/96, which ipaddr.js calls unicast.
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

// Azure answers every virtual machine under a public address of its own, metadata and secrets included.
const UNICAST_BUT_INTERNAL = new Set(['168.63.129.16'])

// RFC 5214, 6.1: the interface identifier is 0000:5EFE or 0200:5EFE and then an IPv4 address, under any prefix.
const isIsatap = ({ parts }: ipaddr.IPv6): boolean => parts[5] === 0x5efe && ((parts[4] ?? 0) & ~0x0200) === 0
