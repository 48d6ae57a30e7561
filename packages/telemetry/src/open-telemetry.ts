import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { BullMQOtel } from 'bullmq-otel'
import type { Log } from './log.ts'
import { createSpanExporter } from './span-exporter.ts'
import type { Attributes, Tracer } from './tracer.ts'

const NAME = 'stemkeeper'
const FLUSH_LIMIT_MS = 2000 // a collector that is away holds up no shutdown

export type OpenTelemetryOptions = {
  /** Where the collector is; `/v1/traces` is put after it. */
  endpoint: string
  /** What the collector wants to see besides; secrets among them. */
  headers: Record<string, string>
  serviceName: string
  /** What else is told of this process. */
  resource: Record<string, string>
  /** Which part of all traces is kept, from 0 to 1. */
  ratio: number
}

/** Spans of our own, those of the queue, and the end of both. */
export type Tracing = {
  tracer: Tracer
  /** For BullMQ: it makes spans of its own, and carries the trace along in its jobs. */
  telemetry: BullMQOtel
  /** Sends what has not been sent, for a while. Safe to call twice. */
  close: () => Promise<void>
}

/** Starts the SDK of OpenTelemetry for this process. */
export const startOpenTelemetry = (options: OpenTelemetryOptions, log: Log): Tracing => {
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: options.headers,
  })
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({ ...options.resource, 'service.name': options.serviceName }),
    ),
    sampler: new ParentBasedSampler({ root: onlyOurs(new TraceIdRatioBasedSampler(options.ratio)) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: createSpanExporter(exporter, log) })],
  })
  // bullmq-otel knows them from nowhere else.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(provider)

  return {
    tracer: createTracer(),
    telemetry: new BullMQOtel({ tracerName: NAME }),
    close: async () => {
      const limit = AbortSignal.timeout(FLUSH_LIMIT_MS)
      const isOver = new Promise<void>((resolve) => limit.addEventListener('abort', () => resolve()))
      await Promise.race([provider.shutdown().catch(() => {}), isOver]) // the exporter has told of it
    },
  }
}

const OURS = createContextKey('a trace may begin here')

// BullMQ looks for stalled jobs, renews locks and asks for work all day long: what it does of itself begins no trace.
const onlyOurs = (sampler: Sampler): Sampler => ({
  shouldSample: (parent, ...span) =>
    parent.getValue(OURS) === true ? sampler.shouldSample(parent, ...span) : { decision: SamplingDecision.NOT_RECORD },
  toString: () => `OnlyOurs{${sampler}}`,
})

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }

const createTracer = (): Tracer => {
  const tracer = trace.getTracer(NAME)

  const span: Tracer['span'] = async (name, { kind = 'internal', attributes = {}, parent }, work) => {
    const before = parent === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, { traceparent: parent })
    const begun = tracer.startSpan(name, { kind: KINDS[kind], attributes }, before.setValue(OURS, true))
    const within = trace.setSpan(before, begun)
    const set = (more: Attributes) => void begun.setAttributes(more)
    const fail = (message: string) => void begun.setStatus({ code: SpanStatusCode.ERROR, message })
    try {
      return await context.with(within, () => work({ set, fail, traceparent: traceparentOf(within) }))
    } catch (error) {
      fail((error as Error).message)
      throw error
    } finally {
      begun.end()
    }
  }

  return { span, task: (name, taskId, work) => span(name, { attributes: { 'stemkeeper.task_id': taskId } }, work) }
}

const traceparentOf = (within: Context): string => {
  const headers: { traceparent?: string } = {}
  propagation.inject(within, headers)
  return headers.traceparent ?? ''
}
