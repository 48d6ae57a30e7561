import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A TCP port on loopback that nobody listens on. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
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
    server.close()
  }
}
