import { IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'

const MOST_WAITING = 32 // senders wait for their answer, nearly all of them; a few send ahead of it

const waiting = new WeakMap<Socket, number>()
const isTooFarAhead = (socket: Socket): boolean => (waiting.get(socket) ?? 0) > MOST_WAITING

/**
 * A request that closes its connection when too many before it wait for their answers. Node builds every request that it
 * finds in what it has read, 64 KiB at once: two thousand of them take 5 MB, so that two hundred connections would end
 * the process. An upgrade to a protocol that nobody serves is the one thing that makes it stop there and hang up.
 */
class PipelinedRequest extends IncomingMessage {
  #upgrade: boolean | null = null

  constructor(socket: Socket) {
    super(socket)
    waiting.set(socket, (waiting.get(socket) ?? 0) + 1)
  }

  get upgrade(): boolean | null {
    return isTooFarAhead(this.socket) || this.#upgrade
  }

  set upgrade(value: boolean | null) {
    if (#upgrade in this) this.#upgrade = value // IncomingMessage sets it before this class has its fields
  }
}

/** Options for Node's server that bound how many requests of one connection may wait for their answers. */
export const pipelineBound = {
  IncomingMessage: PipelinedRequest,
  shouldUpgradeCallback: ({ socket }: IncomingMessage): boolean => isTooFarAhead(socket),
}

/** Tells the bound when an answer is out. */
export const countAnswers = (server: Server): void => {
  server.on('request', ({ socket }, response) =>
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1)),
  )
}
