import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'

/**
 * A TCP port on loopback that nobody listens on. It lies below those that the system gives to outgoing connections
 * (from 32768 on Linux): one of these could be taken again before its new owner listens.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(10_000, 30_000)
    if (await isFree('127.0.0.1', port)) return port
  }
}

/** Does nobody listen there? */
export const isFree = async (host: string, port: number): Promise<boolean> => {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    if (server.listening) await promisify(server.close.bind(server))()
  }
}
