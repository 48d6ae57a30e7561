import fc from 'fast-check'
import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { TOKEN } from '../support/system.ts'
import { AT_LENGTH, fuzzInLanes } from './fuzz.ts'
import type { Wire } from './http.ts'
import { expectDocumented, startIngress } from './ingress.ts'

const LANES = 12
const BODY = JSON.stringify(documentedPayload('separate-vocal', { taskId: 'of-raw-bytes' }))
const PATH = `/callbacks/separation/${TOKEN}`

test(
  'any bytes on a connection get documented answers or none, and ingress lives on as before',
  AT_LENGTH,
  async () => {
    const { wires, isAsGoodAsNew } = await startIngress(LANES)
    const seen = new Set<number>()
    await fuzzInLanes(
      'HTTP: raw bytes',
      LANES,
      bytes(),
      async (sent, lane) => {
        const answers = await (wires[lane] as Wire).tell(sent)
        for (const answer of answers) {
          seen.add(answer.status)
          expectDocumented(answer, [200, 400, 401, 404, 405, 413, 414, 415, 431], isOfHead(sent) && answer.body === '')
        }
      },
      isAsGoodAsNew,
    )
    expect([...seen]).toEqual(expect.arrayContaining([200, 400, 401, 404, 415]))
  },
)

const isOfHead = (sent: Buffer): boolean => sent.includes('HEAD')

const REQUESTS = [
  `POST ${PATH} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
  `POST ${PATH} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
  `POST ${PATH} HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
  'GET /livez HTTP/1.1\r\nhost: h\r\n\r\n',
  'GET /nothing HTTP/1.0\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
]

// Pieces that mean something to a parser.
const PIECES = [
  ...['\r\n', '\n', '\r', '\r\n\r\n', ' ', '\t', '\0', ':', ';', ',', '\x7f', '\xff', '\x80'],
  ...[
    'HTTP/1.1',
    'HTTP/1.0',
    'HTTP/2.0',
    'HTTP/0.9',
    'HTTP/1.1\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01',
  ],
  ...[
    'content-length: 0\r\n',
    'content-length: 5\r\n',
    'content-length: -1\r\n',
    'content-length: 1e9\r\n',
    'Content-Length: +3\r\n',
  ],
  ...[
    'content-length: 99999999999999999999\r\n',
    'content-length: 300000\r\n',
    'content-length: 2, 2\r\n',
    'transfer-encoding: chunked\r\n',
  ],
  ...[
    'transfer-encoding: gzip, chunked\r\n',
    'transfer-encoding : chunked\r\n',
    'transfer-encoding: xchunked\r\n',
    '0\r\n\r\n',
    'ffffffffffffffff\r\n',
  ],
  ...[
    '5;a=b\r\n',
    'host: x\r\n',
    'host:\r\n',
    'connection: close\r\n',
    'connection: upgrade\r\nupgrade: h2c\r\n',
    'expect: 200-ok\r\n',
    ' folded: x\r\n',
  ],
  ...[
    'GET / HTTP/1.1\r\nhost: h\r\n\r\n',
    'CONNECT h:443 HTTP/1.1\r\nhost: h\r\n\r\n',
    'POST',
    'BREW',
    'HEAD',
    'x'.repeat(20_000),
  ],
]

type Change = { at: number; cut: number; put: string }

/** Requests one after another, each with a few bytes that are not as they should be. */
function bytes(): fc.Arbitrary<Buffer> {
  const junk = fc.uint8Array({ maxLength: 6 }).map((values) => Buffer.from(values).toString('latin1'))
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.nat(),
    cut: fc.oneof(fc.constant(0), fc.nat(4), fc.nat(400)),
    put: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...PIECES) }, junk, fc.constant('')),
  })
  const changed = fc
    .tuple(fc.constantFrom(...REQUESTS), fc.array(change, { maxLength: 2 }))
    .map(([whole, changes]) => changes.reduce(apply, whole))
  return fc
    .oneof(
      { weight: 20, arbitrary: fc.array(changed, { minLength: 1, maxLength: 3 }).map((all) => all.join('')) },
      junk,
    )
    .map((latin1) => Buffer.from(latin1, 'latin1'))
}

// Most of what matters stands in the head of a request, so that is where most changes are made.
const apply = (whole: string, { at, cut, put }: Change): string => {
  const end = at % 4 === 0 ? whole.length : whole.indexOf('\r\n\r\n') + 4
  const start = at % Math.max(1, end)
  return whole.slice(0, start) + put + whole.slice(start + cut)
}
