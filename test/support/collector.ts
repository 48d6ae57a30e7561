import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { z } from 'zod'

type Attributes = Record<string, unknown>

/** A span as OTLP tells of it (https://opentelemetry.io/docs/specs/otlp/, «JSON Protobuf Encoding»). */
export type CollectedSpan = {
  /** Who has sent it. */
  service: string
  resource: Attributes
  name: string
  traceId: string
  spanId: string
  /** `undefined` for the root of a trace. */
  parentSpanId: string | undefined
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  isFailed: boolean
  attributes: Attributes
}

/** A real receiver of OTLP over HTTP. */
export type Collector = {
  url: string
  spans: () => CollectedSpan[]
  /** All bytes that came, and the headers with them. */
  received: () => { path: string; headers: IncomingHttpHeaders; body: string }[]
  /** Answers with this status from now on. */
  answer: (status: number) => void
}

/** Starts a collector; it ends with the test. */
export const startCollector = async (): Promise<Collector> => {
  const received: { path: string; headers: IncomingHttpHeaders; body: string }[] = []
  let status = 200
  const server = createServer(async (request, response) => {
    const body = (await buffer(request)).toString()
    received.push({ path: `${request.method} ${request.url}`, headers: request.headers, body })
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => received.flatMap(({ body }) => spansOf(JSON.parse(body))),
    received: () => received,
    answer: (next) => {
      status = next
    },
  }
}

const valueSchema = z.record(z.string(), z.unknown()).transform((value) => Object.values(value)[0])
const attributesSchema = z
  .array(z.object({ key: z.string(), value: valueSchema }))
  .transform((list): Attributes => Object.fromEntries(list.map(({ key, value }) => [key, value])))

const spanSchema = z.object({
  name: z.string(),
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z.string().optional(),
  kind: z.number(),
  status: z.object({ code: z.number().optional() }),
  attributes: attributesSchema,
})

const requestSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: attributesSchema }),
      scopeSpans: z.array(z.object({ spans: z.array(spanSchema) })),
    }),
  ),
})

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const FAILED = 2

const spansOf = (body: unknown): CollectedSpan[] =>
  requestSchema.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ kind, status, parentSpanId, ...span }) => ({
        ...span,
        service: String(resource.attributes['service.name']),
        resource: resource.attributes,
        parentSpanId: parentSpanId || undefined,
        kind: KINDS[kind] ?? 'internal',
        isFailed: status.code === FAILED,
      })),
    ),
  )
