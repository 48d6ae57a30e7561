import { expect, test } from 'vitest'
import { faultOfBody } from '../src/body-shape.ts'
import { startServer } from './server-under-test.ts'

const lists = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const objects = (levels: number): string => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`

test.each([lists(64), objects(64), `[${lists(63)},{"deep":${objects(62)}}]`, 'null', '7', '"text"', '{}'])(
  'what is nested 64 levels deep or less is no fault',
  (text) => {
    expect(faultOfBody(JSON.parse(text))).toBeUndefined()
  },
)

test.each([lists(65), objects(65), lists(130_000), objects(40_000), `[1,{"a":[${lists(63)}]}]`])(
  'what is nested deeper is named, however deep it is',
  (text) => {
    expect(faultOfBody(JSON.parse(text))).toMatch(/more than 64 levels deep/)
  },
)

test.each([
  '{"__proto__":{}}',
  '{"__proto__":null}',
  '[{"a":{"\\u005f_proto__":1}}]',
  '{"constructor":{"prototype":{}}}',
  '{"data":[{"constructor":{"prototype":0}}]}',
])('%s would poison a prototype, and is answered 400 in words', async (text) => {
  const { post, kept } = await startServer()
  const answer = await post(`{"code":200,"data":{"task_id":"task-1"},"x":${text}}`)
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'application/problem+json'])
  expect(answer.json().detail).toMatch(/__proto__/)
  expect(kept).toMatchObject({ separations: [], quarantined: [] })
})

test.each([
  '{"constructor":"a builder"}',
  '{"constructor":{"name":"x"}}',
  '{"constructor":null}',
  '{"prototype":{}}',
  '["__proto__","constructor"]',
  '{"toString":{},"hasOwnProperty":{}}',
])('%s would poison nothing, and is kept', async (text) => {
  const { post } = await startServer()
  expect((await post(`{"code":200,"data":{"task_id":"task-1"},"x":${text}}`)).statusCode).toBe(200)
})

test('a callback with such a fault is answered 400 in words, and nothing of it is kept', async () => {
  const { post, kept } = await startServer()
  for (const [fault, detail] of [
    [`"x":${lists(20_000)}`, /64 levels/],
    ['"__proto__":{"isAdmin":true}', /__proto__/],
    ['"constructor":{"prototype":{"isAdmin":true}}', /constructor\.prototype/],
  ] as const) {
    const answer = await post(`{"code":200,"data":{"task_id":"task-1"},${fault}}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-type']).toMatch('application/problem+json')
    expect(answer.json().detail).toMatch(detail)
  }
  expect(kept).toMatchObject({ separations: [], quarantined: [] })
  expect(Object.prototype).not.toHaveProperty('isAdmin')
})
