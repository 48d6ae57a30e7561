import { BlockList, isIPv6 } from 'node:net'

/**
 * What is not of the public internet, written out from the IANA registries of special-purpose addresses (RFC 6890 and
 * its updates, as of 2026), independently of what the guard goes by. Besides: multicast (RFC 5771, RFC 4291), the anycast
 * of 6to4 (RFC 7526), and the address under which Azure answers its own machines.
 */
export const NETWORKS = {
  ipv4: [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['168.63.129.16', 32],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 4],
    ['240.0.0.0', 4],
  ],
  ipv6: [
    ['::', 96], // unspecified, loopback, IPv4-compatible
    ['::ffff:0:0', 96], // IPv4-mapped
    ['::ffff:0:0:0', 96], // IPv4-translated
    ['64:ff9b::', 96], // NAT64
    ['64:ff9b:1::', 48],
    ['100::', 64], // discard
    ['100:0:0:1::', 64],
    ['2001::', 32], // Teredo
    ['2001:2::', 48], // benchmarking
    ['2001:10::', 28], // ORCHID
    ['2001:20::', 28], // ORCHIDv2
    ['2001:db8::', 32],
    ['2002::', 16], // 6to4
    ['3fff::', 20],
    ['5f00::', 16],
    ['fc00::', 7],
    ['fe80::', 10],
    ['fec0::', 10],
    ['ff00::', 8],
  ],
} as const satisfies Record<'ipv4' | 'ipv6', readonly (readonly [string, number])[]>

const special = new BlockList()
for (const [network, bits] of NETWORKS.ipv4) special.addSubnet(network, bits, 'ipv4')

// Node's list would look up a mapped address among those of IPv4, so that each family has a list of its own.
const specialV6 = new BlockList()
for (const [network, bits] of NETWORKS.ipv6) specialV6.addSubnet(network, bits, 'ipv6')

/** Does an address of either family lie in one of them, or hold another in its last half (ISATAP, RFC 5214)? */
export const isSpecialPurpose = (address: string): boolean =>
  isIPv6(address) ? specialV6.check(address, 'ipv6') || isIsatap(address) : special.check(address, 'ipv4')

const isIsatap = (address: string): boolean =>
  /:(?:0|200)?:5efe:[0-9a-f]+:[0-9a-f]+$/.test(new URL(`https://[${address}]`).hostname.slice(1, -1))
