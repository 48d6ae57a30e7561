import { parseCallback, readTaskId, UnknownShapeError } from '@stems/provider/callback'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TOKEN } from '../support/system.ts'
import { json, text } from './arbitraries.ts'
import { AT_LENGTH, fuzzInLanes } from './fuzz.ts'
import type { Wire } from './http.ts'
import { expectDocumented, startIngress } from './ingress.ts'
import { faultyPayload, listedPayload } from './payloads.ts'

const LANES = 12
const MOST_BYTES = 256 * 1024
const MOST_LEVELS = 64

test(
  'any body of a proven callback is kept or refused as documented, and ingress lives on as before',
  AT_LENGTH,
  async () => {
    const { wires, isAsGoodAsNew } = await startIngress(LANES)
    const answers = new Map<string, number>()
    await fuzzInLanes(
      'HTTP: payloads',
      LANES,
      body(),
      async (sent, lane) => {
        const head = `POST /callbacks/separation/${TOKEN} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n`
        const request = Buffer.concat([Buffer.from(`${head}content-length: ${sent.length}\r\n\r\n`), sent])
        const answer = await (wires[lane] as Wire).ask(request)
        expectDocumented(answer, [200, 400, 413])
        const told = answer.status === 200 ? String(JSON.parse(answer.body).status) : String(answer.status)
        expect(expected(sent)).toContain(told)
        answers.set(told, (answers.get(told) ?? 0) + 1)
      },
      isAsGoodAsNew,
    )
    // Or what was sent would not try what it is meant to try.
    expect([...answers.keys()]).toEqual(expect.arrayContaining(['accepted', 'duplicate', 'quarantined', '400', '413']))
  },
)

const KEPT = ['accepted', 'duplicate', 'spooled'] // a slow Redis sends anything to the spool

const expected = (sent: Buffer): string[] => {
  if (sent.length > MOST_BYTES) return ['413']
  const read = orUndefined(() => JSON.parse(sent.toString().replace(/^\ufeff/, '')) as unknown)
  if (read === undefined || isStrangelyBuilt(read)) return ['400']
  if (orUndefined(() => readTaskId(read)) === undefined) return ['400']
  try {
    parseCallback(read, new Date().toISOString())
    return KEPT
  } catch (error) {
    if (!(error instanceof UnknownShapeError)) throw error
    return ['quarantined', 'spooled']
  }
}

const isStrangelyBuilt = (value: unknown, depth = 1): boolean => {
  if (typeof value !== 'object' || value === null) return false
  if (depth > MOST_LEVELS || Object.hasOwn(value, '__proto__')) return true
  const { constructor: made } = value as { constructor: unknown }
  if (Object.hasOwn(value, 'constructor') && typeof made === 'object' && made && Object.hasOwn(made, 'prototype'))
    return true
  return Object.values(value).some((child) => isStrangelyBuilt(child, depth + 1))
}

const orUndefined = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** What a sender may put into a body: callbacks with faults, JSON, near misses of JSON, and what is far from it. */
function body(): fc.Arbitrary<Buffer> {
  const payload = fc.oneof({ weight: 6, arbitrary: faultyPayload }, { weight: 2, arbitrary: listedPayload }, json)
  const written = payload.map((value) => JSON.stringify(value))
  const inText = (level: string, end: string) =>
    fc
      .nat(3000)
      .map(
        (depth) =>
          `{"data":{"task_id":"deep","x":${level.repeat(depth)}${end}${level === '[' ? ']'.repeat(depth) : '}'.repeat(depth)}}}`,
      )
  const spliced = fc.tuple(written, fc.nat(), fc.nat(3), text).map(([whole, at, cut, put]) => {
    const start = at % (whole.length + 1)
    return whole.slice(0, start) + put + whole.slice(start + cut)
  })
  const large = fc.tuple(written, fc.constantFrom(-2, -1, 0, 1, 1000)).map(([whole, over]) => {
    const room = MOST_BYTES - Buffer.byteLength(whole) + over
    return whole + ' '.repeat(room)
  })
  const flat = fc.constantFrom(
    ...[
      '',
      ' ',
      'null',
      '[]',
      '{}',
      '"x"',
      '1',
      'true',
      '{"data":null}',
      '{"data":[]}',
      '\ufeff{}',
      '{"data":{"task_id":"a","task_id":1}}',
    ],
    ...[
      '{"code":1e999,"data":{"task_id":"a"}}',
      '{"code":9007199254740993,"data":{"task_id":"a"}}',
      '{"code":-0,"data":{"task_id":"a"}}',
    ],
    `{"code":200,"data":{"task_id":"many","vocal_separation_info":{${Array.from({ length: 5000 }, (_, n) => `"s${n}_url":"https://h/${n}"`)}}}}`,
    `{"code":200,"data":{"task_id":"bad","vocal_separation_info":{${Array.from({ length: 5000 }, (_, n) => `"s${n}_url":${n}`)}}}}`,
    `{"code":500,"msg":"${'a.'.repeat(100_000)}!://","data":{"task_id":"dots"}}`,
  )
  const texts = fc.oneof(
    { weight: 20, arbitrary: written },
    { weight: 6, arbitrary: spliced },
    { weight: 2, arbitrary: inText('[', '0') },
    { weight: 2, arbitrary: inText('{"a":', '0') },
    { weight: 1, arbitrary: large },
    { weight: 2, arbitrary: flat },
  )
  const bytes = fc.tuple(written, fc.nat(), fc.uint8Array({ maxLength: 4 })).map(([whole, at, put]) => {
    const buffer = Buffer.from(whole)
    buffer.set(put.subarray(0, buffer.length), at % Math.max(1, buffer.length - 4))
    return buffer
  })
  return fc.oneof({ weight: 15, arbitrary: texts.map((each) => Buffer.from(each)) }, { weight: 1, arbitrary: bytes })
}
