import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What becomes of a request on its way to the S3 server. */
export type Fate =
  | 'pass'
  /** It arrives and is carried out; the answer does not come back. */
  | 'lose-answer'
  | 'hang'
  /** The answer is cut after so many bytes of its body. */
  | { cutAfter: number }
  /** The server answers so, in S3's words. */
  | { status: number; code: string }
  | { status: 200 }

export type S3Request = { method: string; path: string; headers: IncomingMessage['headers'] }

/** A way to a real S3 server on which requests meet with accidents. */
export type S3Proxy = {
  url: string
  requests: S3Request[]
  /** Decides the fate of every request from now on. */
  decide: (fateOf: (request: S3Request) => Fate) => void
  close: () => Promise<void>
}

/** @param endpoint of the server */
export const startS3Proxy = async (endpoint: string): Promise<S3Proxy> => {
  let fateOf: (request: S3Request) => Fate = () => 'pass'
  const requests: S3Request[] = []
  const server = createServer((incoming, answer) => {
    const asked = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers }
    requests.push(asked)
    const fate = fateOf(asked)
    if (fate === 'hang') return
    if (typeof fate === 'object' && 'status' in fate) return refuse(incoming, answer, fate)
    forward(endpoint, incoming, answer, fate)
  })
  server.on('checkContinue', (incoming, answer) => {
    answer.writeContinue()
    server.emit('request', incoming, answer)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    decide: (decision) => {
      fateOf = decision
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const refuse = (incoming: IncomingMessage, answer: ServerResponse, fate: { status: number; code?: string }) => {
  incoming.resume().once('end', () => {
    answer.writeHead(fate.status, { 'content-type': 'application/xml' })
    answer.end(fate.code ? `<Error><Code>${fate.code}</Code><Message>as told</Message></Error>` : undefined)
  })
}

const forward = (endpoint: string, incoming: IncomingMessage, answer: ServerResponse, fate: Fate) => {
  const { expect: _, ...headers } = incoming.headers // answered here
  const onward = request(endpoint + incoming.url, { method: incoming.method, headers }, (came) => {
    if (fate === 'lose-answer') return void came.resume().once('end', () => incoming.socket.destroy())
    answer.writeHead(came.statusCode ?? 500, came.headers)
    if (typeof fate !== 'object' || !('cutAfter' in fate)) return void came.pipe(answer)
    let left = fate.cutAfter
    came.on('data', (chunk: Buffer) => {
      if (left > 0) answer.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left <= 0) setImmediate(() => answer.destroy())
    })
  })
  onward.on('error', () => answer.destroy())
  incoming.pipe(onward)
}
