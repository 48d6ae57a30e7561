import { expect } from 'vitest'
import { z } from 'zod'
import type { TestBoard } from './start-board.ts'

type Schema = Parameters<typeof z.fromJSONSchema>[0]
type Answers = Record<string, { content?: Record<string, { schema: Schema }> }>
type Document = { paths: Record<string, Record<string, { responses: Answers }>> }

/**
 * Holds an answer against what the board's own OpenAPI document says of it.
 *
 * @param route as the document writes it: `GET /api/separations/{taskId}`
 */
export const expectDocumented = async (board: TestBoard, route: string, answer: Response): Promise<unknown> => {
  const [method = '', path = ''] = route.split(' ')
  const document = (await (await board.get('/api/openapi.json')).json()) as Document
  const documented = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status]
  expect(documented, `${route} ${answer.status}`).toBeDefined()
  const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
  const schema = documented?.content?.[type]?.schema
  expect(schema, `${route} ${answer.status} ${type}`).toBeDefined()
  const body = await answer.json()
  z.fromJSONSchema(schema as Schema).parse(body)
  return body
}
