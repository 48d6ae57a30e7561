import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'

const PRIVATE = [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const

const familyOf = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6')

/**
 * Only who is asked to may put load on somebody's server.
 *
 * @throws when one of the addresses of a URL's host is neither loopback, nor private, nor one of this machine
 */
export const demandOwnHost = async ({ hostname }: URL): Promise<void> => {
  const own = ownAddresses()
  const found = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true }).catch((error: Error) => {
    throw new Error(`${hostname} cannot be found: ${error.message}`)
  })
  const foreign = found.find(({ address }) => !own.check(address, familyOf(address)))
  if (!foreign) return
  const host = foreign.address === hostname ? hostname : `${hostname} (${foreign.address})`
  throw new Error(`${host} is neither private nor of this machine: where it is yours, say so with --yes-it-is-mine`)
}

const ownAddresses = (): BlockList => {
  const own = new BlockList()
  for (const [network, bits] of PRIVATE) own.addSubnet(network, bits, familyOf(network))
  for (const { address } of Object.values(networkInterfaces()).flatMap((each) => each ?? [])) {
    own.addAddress(address, familyOf(address))
  }
  return own
}
