import fc from 'fast-check'
import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { TOKEN } from '../support/system.ts'
import { text } from './arbitraries.ts'
import { AT_LENGTH, fuzzInLanes } from './fuzz.ts'
import type { Wire } from './http.ts'
import { expectDocumented, startIngress } from './ingress.ts'

const LANES = 12
const CALLBACK = '/callbacks/separation'
const BODY = JSON.stringify(documentedPayload('separate-vocal', { taskId: 'of-odd-requests' }))

test(
  'any method, path, query and headers get a documented answer, and only who knows the token is let in',
  AT_LENGTH,
  async () => {
    const { wires, isAsGoodAsNew } = await startIngress(LANES)
    const seen = new Set<number>()
    await fuzzInLanes(
      'HTTP: requests',
      LANES,
      request(),
      async ({ method, path, headers, body }, lane) => {
        const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
        const bytes = Buffer.from(
          `${method} ${path} HTTP/1.1\r\nhost: h\r\n${lines}content-length: ${body.length}\r\n\r\n${body}`,
          'latin1',
        )
        const answer = await (wires[lane] as Wire).ask(bytes, { isHead: method === 'HEAD' })
        // Node keeps the next request's faults to itself until its time is up (408), as though it were upgraded.
        if (headers.some(([name]) => name === 'upgrade')) wires[lane]?.close()
        seen.add(answer.status)
        expectDocumented(answer, [200, 400, 401, 404, 405, 413, 414, 415, 431], method === 'HEAD')
        if (answer.status !== 200) return
        const isKept = /^\{"status":"(?:accepted|duplicate|spooled|quarantined)"\}$/.test(answer.body)
        expect(isKept, 'only a POST is a callback').toBe(method === 'POST')
        if (isKept) expect(decodeURIComponent(path)).toContain(TOKEN)
      },
      isAsGoodAsNew,
    )
    expect([...seen]).toEqual(expect.arrayContaining([200, 400, 401, 404, 415, 431]))
  },
)

type Request = { method: string; path: string; headers: [string, string][]; body: string }

function request(): fc.Arbitrary<Request> {
  const token = fc.oneof(
    { weight: 4, arbitrary: fc.constant(TOKEN) },
    fc.constantFrom(
      ...[
        TOKEN.toUpperCase(),
        ` ${TOKEN}`,
        `${TOKEN}%00`,
        TOKEN.slice(1),
        TOKEN.slice(0, -1),
        `${TOKEN}x`,
        `${TOKEN},b`,
        '*',
        '%',
      ],
      ...[
        TOKEN.replace('a', '%61'),
        `${TOKEN}/`,
        `/${TOKEN}`,
        `${TOKEN}?`,
        `${TOKEN};x`,
        '__proto__',
        'undefined',
        'x'.repeat(600),
      ],
    ),
    inPath(text),
  )
  const path = fc.oneof(
    { weight: 4, arbitrary: token.map((each) => `${CALLBACK}/${each}`) },
    { weight: 2, arbitrary: token.map((each) => `${CALLBACK}?token=${each}`) },
    token.map((each) => `${CALLBACK}?token=${each}&token=${TOKEN}`),
    fc.constantFrom(
      CALLBACK,
      `${CALLBACK}/`,
      '/livez',
      '/readyz',
      '/metrics',
      '/openapi.json',
      '/',
      '*',
      '//',
      '/..',
      '/%2e%2e/',
      '/a?b#c',
    ),
    fc.constantFrom(
      '/LIVEZ',
      '/livez/',
      `${CALLBACK}/../separation/${TOKEN}`,
      `http://other/livez`,
      '/documentation',
      '/queues',
      '/%',
      '/%ff',
    ),
    inPath(text).map((each) => `/${each}`),
  )
  const header = fc.oneof(
    fc.tuple(
      fc.constantFrom('content-type', 'Content-Type'),
      fc.oneof(
        fc.constantFrom(
          'application/json',
          'application/json; charset=utf-16',
          'APPLICATION/JSON',
          'application/jsonx',
          'text/plain',
        ),
        fc.constantFrom(
          '',
          ';',
          'application/',
          'multipart/form-data; boundary=x',
          'application/x-www-form-urlencoded',
          'application/json, text/plain',
        ),
        value(),
      ),
    ),
    fc.tuple(
      fc.constantFrom('x-webhook-timestamp', 'x-webhook-signature', 'x-forwarded-for', 'authorization', 'cookie'),
      value(),
    ),
    fc.tuple(
      fc.constantFrom('x-webhook-timestamp'),
      fc.constantFrom(`${Math.floor(Date.now() / 1000)}`, '0', '-1', '9'.repeat(30), '1e3', 'NaN'),
    ),
    fc.tuple(
      fc.constantFrom(
        'accept',
        'accept-encoding',
        'accept-version',
        'content-encoding',
        'origin',
        'range',
        'if-none-match',
        'traceparent',
        'via',
      ),
      fc.oneof(fc.constantFrom('gzip', 'identity', '*', 'bytes=0-', 'application/xml', '9.9.9'), value()),
    ),
    fc.tuple(
      fc.constantFrom(
        'connection',
        'upgrade',
        'expect',
        'keep-alive',
        'te',
        'trailer',
        'x-http-method-override',
        'http2-settings',
      ),
      fc.constantFrom(
        'close',
        'keep-alive',
        'upgrade',
        'h2c',
        'websocket',
        '100-continue',
        '200-maybe',
        'trailers',
        'DELETE',
        'timeout=1',
        '',
      ),
    ),
    fc.tuple(fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,20}$/).filter(framesNothing), value()),
    fc.tuple(
      fc.constantFrom('__proto__', 'constructor', 'x-big'),
      fc.constantFrom('x'.repeat(1000), 'x'.repeat(17_000)),
    ),
  )
  return fc.record({
    method: fc.oneof(
      { weight: 6, arbitrary: fc.constant('POST') },
      { weight: 2, arbitrary: fc.constant('GET') },
      fc.constantFrom(
        'HEAD',
        'OPTIONS',
        'PUT',
        'DELETE',
        'PATCH',
        'TRACE',
        'PROPFIND',
        'MKCOL',
        'SEARCH',
        'PURGE',
        'QUERY',
        'LINK',
      ),
    ),
    path,
    headers: fc
      .tuple(fc.boolean(), fc.array(header, { maxLength: 5 }))
      .map(([isJson, others]) => [
        ...(isJson ? [['content-type', 'application/json'] as [string, string]] : []),
        ...others,
      ]),
    body: fc.constantFrom(BODY, BODY, BODY, '', '{}', 'a=b', '\0'),
  })
}

// How long a request is must stay true here; raw bytes have a test of their own.
const framesNothing = (name: string): boolean =>
  !['content-length', 'transfer-encoding', 'host'].includes(name.toLowerCase())

/** Text as a path can carry it: percent-encoded, or raw where that ends nothing. */
function inPath(words: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return words.map((word) => {
    const short = word.slice(0, 700)
    return short.isWellFormed() && short.length % 2 ? encodeURIComponent(short) : short.replaceAll(/[^\x21-\x7e]/g, '%')
  })
}

/** What a header may hold: all of Latin-1 but control characters. */
function value(): fc.Arbitrary<string> {
  return text.map((word) => word.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?').trim())
}
