import { PassThrough } from 'node:stream'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { expect, test } from 'vitest'
import { createLog } from '../src/log.ts'
import { createSpanExporter } from '../src/span-exporter.ts'

const silent = createLog('test', 'silent')
const LINK = 'https://user:hunter2@files.example/vocal.mp3?key=hunter2#hunter2'

test('whatever a span quotes, links and our callback URLs in it lose their secrets', async () => {
  const memory = new InMemorySpanExporter()
  const processor = new BatchSpanProcessor({ exporter: createSpanExporter(memory, silent) })
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer('test')
  const span = tracer.startSpan('GET', { attributes: { link: LINK, links: [LINK], number: 1 } })
  span.addEvent('job failed', { reason: `${LINK} is gone` })
  span.recordException(new Error(`POST /callbacks/separation/hunter2 of ${LINK}`))
  span.setStatus({ code: 2, message: `${LINK} is gone` })
  span.end()
  await processor.forceFlush()

  const [sent] = memory.getFinishedSpans()
  expect(sent).toMatchObject({
    name: 'GET',
    attributes: { link: 'https://files.example/vocal.mp3', links: ['https://files.example/vocal.mp3'], number: 1 },
    status: { code: 2, message: 'https://files.example/vocal.mp3 is gone' },
  })
  expect(sent?.spanContext()).toEqual(span.spanContext())
  const { attributes, status, events } = sent as ReadableSpan
  expect(JSON.stringify({ attributes, status, events })).not.toContain('hunter2')
})

test('a collector is told of once when it goes away, and once when it is back', () => {
  const results: ExportResult[] = [
    { code: ExportResultCode.SUCCESS },
    { code: ExportResultCode.FAILED, error: new Error('away') },
    { code: ExportResultCode.FAILED, error: new Error('away') },
    { code: ExportResultCode.SUCCESS },
    { code: ExportResultCode.SUCCESS },
    { code: ExportResultCode.FAILED, error: new Error('away again') },
  ]
  const lines = new PassThrough()
  const fickle: SpanExporter = {
    export: (_spans, done) => done(results.shift() as ExportResult),
    shutdown: async () => {},
  }
  const exporter = createSpanExporter(fickle, createLog('test', 'info', lines))
  const heard: number[] = []
  while (results.length > 0) exporter.export([], ({ code }) => heard.push(code))

  expect(heard).toEqual([0, 1, 1, 0, 0, 1]) // the processor hears of each
  const told = String(lines.read()).trimEnd().split('\n')
  expect(told.map((line) => JSON.parse(line)).map(({ msg, error }) => [msg.split(':')[0], error])).toEqual([
    ['tracing.collector_away', 'away'],
    ['tracing.collector_back', undefined],
    ['tracing.collector_away', 'away again'],
  ])
})
