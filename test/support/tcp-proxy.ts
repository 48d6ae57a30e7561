import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A way to a TCP port that can break as networks do. */
export type TcpProxy = {
  port: number
  /** From now on new connections lead to another port; those that are there stay where they are. */
  leadTo: (port: number) => void
  /** From now on nothing passes on the connections that are there, and nobody is told. New ones work. */
  loseConnections: () => void
}

/** Starts a proxy before a port on loopback; it ends with the test. */
export const startTcpProxy = async (firstPort: number): Promise<TcpProxy> => {
  let port = firstPort
  const pairs: [Socket, Socket][] = []
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    pairs.push([client, upstream])
    client.pipe(upstream).pipe(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => other.destroy())
      socket.on('close', () => other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of pairs.flat()) socket.destroy()
  })
  return {
    port: (server.address() as AddressInfo).port,
    leadTo: (next) => {
      port = next
    },
    loseConnections: () => {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream).pause()
        upstream.unpipe(client).pause()
      }
    },
  }
}
