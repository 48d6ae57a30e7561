import type { Socket } from 'node:net'

/**
 * Connections that ingress waits for. When more come than there is room for, the one that has been waited for longest is
 * closed: an honest sender is done within a few packets, whoever is slow on purpose is not. To refuse the newest instead
 * (`server.maxConnections`) would help an attacker: a thousand idle connections would keep the provider out.
 *
 * @param places how many connections may be inside
 */
export const createWaitingRoom = (places: number) => {
  const inside = new Set<Socket>() // in the order in which they came

  const leave = (socket: Socket): void => {
    inside.delete(socket)
  }
  const seen = new WeakSet<Socket>()

  return {
    /** Comes in as the newest, whether it was inside or not. */
    enter: (socket: Socket): void => {
      if (socket.destroyed) return
      if (!seen.has(socket)) socket.once('close', () => leave(socket))
      seen.add(socket)
      inside.delete(socket)
      inside.add(socket)
      const [oldest] = inside
      if (inside.size <= places || !oldest) return
      leave(oldest)
      oldest.destroy()
    },
    /** It is proven, or all that we waited for has come. */
    leave,
    size: (): number => inside.size,
  }
}

export type WaitingRoom = ReturnType<typeof createWaitingRoom>
