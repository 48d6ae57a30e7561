import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { onTestFinished } from 'vitest'

/** A server that counts whoever connects, a request sent or not. */
export type FarSide = { address: string; port: number; connections: () => number; paths: string[] }

/** The loopback address that stands for a public one: guards are told so by `alsoPublic`. */
export const PUBLIC = '127.0.0.2'
export const PRIVATE = '127.0.0.1'

const listen = async (address: string, port: number, answer: RequestListener): Promise<FarSide> => {
  const paths: string[] = []
  let connections = 0
  const server: Server = createServer((request, response) => {
    paths.push(request.url ?? '')
    answer(request, response)
  })
  server.on('connection', () => connections++)
  server.listen(port, address)
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { address, port: (server.address() as AddressInfo).port, connections: () => connections, paths }
}

/** A server on a free port of 127.0.0.1. */
export const startFarSide = (answer: RequestListener): Promise<FarSide> => listen(PRIVATE, 0, answer)

/** Two servers on the same port: one under the address that stands for a public one, and one that nobody may reach. */
export const startPublicAndPrivate = async (answer: RequestListener): Promise<{ open: FarSide; trap: FarSide }> => {
  for (let tries = 5; ; tries--) {
    const open = await listen(PUBLIC, 0, answer)
    try {
      const trap = await listen(PRIVATE, open.port, (_request, response) => response.end('a secret'))
      return { open, trap }
    } catch (error) {
      if (tries === 1) throw error // somebody else took the port meanwhile
    }
  }
}

type Lookups = LookupFunction & { asked: string[] }

/**
 * A resolver that answers each look with the next of its answers, the last one again and again.
 *
 * @param answers addresses of one answer each
 */
export const resolver = (...answers: string[][]): Lookups => {
  const asked: string[] = []
  const lookup: LookupFunction = (hostname, { all }, done) => {
    asked.push(hostname)
    const addresses = (answers[asked.length - 1] ?? answers.at(-1) ?? []).map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }))
    const [first] = addresses
    setImmediate(() => (all ? done(null, addresses) : done(null, first?.address ?? '', first?.family)))
  }
  return Object.assign(lookup, { asked })
}
