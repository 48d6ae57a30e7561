import { expect, test } from 'vitest'
import { startServer } from './server-under-test.ts'

type Item = Record<string, { responses?: Record<string, { description?: string }> }>

const PROBLEMS = ['400', '401', '408', '413', '414', '415', '429', '431', '503']

const readDocument = async () => {
  const { app } = await startServer()
  const answer = await app.inject('/openapi.json')
  expect(answer.statusCode).toBe(200)
  return answer.json()
}

test('the document is OpenAPI 3.1 in shape', async () => {
  const document = await readDocument()
  expect(document.openapi).toMatch(/^3\.1\.\d+$/)
  expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) })
  for (const [path, item] of Object.entries<Item>(document.paths)) {
    expect(path).toMatch(/^\//)
    for (const [method, operation] of Object.entries(item)) {
      expect(['get', 'post', 'head']).toContain(method)
      expect(Object.keys(operation.responses ?? {}).length).toBeGreaterThan(0)
      for (const response of Object.values(operation.responses ?? {})) {
        expect(response.description).toEqual(expect.any(String))
      }
    }
  }
})

test('every reference in it leads somewhere', async () => {
  const document = await readDocument()
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to ?? '')
  for (const reference of references) {
    const found = reference
      .slice(2)
      .split('/')
      .reduce((node, key) => node?.[key], document)
    expect(found, reference).toBeDefined()
  }
})

test.each(['/callbacks/separation', '/callbacks/separation/{token}'])(
  '%s is listed with all its answers',
  async (path) => {
    const operation = (await readDocument()).paths[path]?.post
    expect(Object.keys(operation.responses)).toEqual(['200', ...PROBLEMS])
    expect(operation.summary).toEqual(expect.any(String))
  },
)

test('the body is described field by field', async () => {
  const { paths } = await readDocument()
  const { schema } = paths['/callbacks/separation'].post.requestBody.content['application/json']
  expect(schema).toMatchObject({ type: 'object', required: expect.arrayContaining(['code', 'data']) })
  expect(schema.properties.data.properties).toMatchObject({
    task_id: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,128}$' },
    vocal_separation_info: expect.anything(),
    vocal_removal_info: expect.anything(),
  })
})

test('an accepted callback is described as it is answered', async () => {
  const { paths } = await readDocument()
  const { schema } = paths['/callbacks/separation'].post.responses['200'].content['application/json']
  expect(schema.properties.status.enum).toEqual(['accepted', 'duplicate', 'spooled', 'quarantined'])
})

test.each(PROBLEMS)('the answer %s is described as the problem that it is', async (status) => {
  const { paths } = await readDocument()
  expect(Object.keys(paths['/callbacks/separation'].post.responses[status].content)).toEqual([
    'application/problem+json',
  ])
})

test('the token is described as a parameter of the path', async () => {
  const { paths } = await readDocument()
  expect(paths['/callbacks/separation/{token}'].post.parameters).toContainEqual(
    expect.objectContaining({ name: 'token', in: 'path', required: true }),
  )
})
