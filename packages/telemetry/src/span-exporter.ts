import type { Attributes } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { redactLinks } from '@stems/domain/link'
import type { Log } from './log.ts'

/**
 * Sends spans by another exporter, as logs are written: whatever a span quotes, links in it lose what could open a file or a
 * connection. A collector that takes nothing is told of once, until it takes something again.
 */
export const createSpanExporter = (exporter: SpanExporter, log: Log): SpanExporter => {
  let isAway = false

  const tell = ({ code, error }: ExportResult): void => {
    const failed = code !== ExportResultCode.SUCCESS
    if (failed && !isAway)
      log.warn({ error: error?.message }, 'tracing.collector_away: its spans are lost, and nothing else')
    if (!failed && isAway) log.info({}, 'tracing.collector_back')
    isAway = failed
  }

  return {
    export: (spans, done) =>
      exporter.export(spans.map(redacted), (result) => {
        tell(result)
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}

const redacted = (span: ReadableSpan): ReadableSpan =>
  Object.create(span, {
    attributes: { value: redactedAttributes(span.attributes) },
    status: { value: { ...span.status, ...redactedAttributes({ message: span.status.message }) } },
    events: {
      value: span.events.map((event) => ({ ...event, attributes: redactedAttributes(event.attributes ?? {}) })),
    },
  })

const redactedAttributes = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, redactedValue(value)]))

const redactedValue = <Value>(value: Value): Value => {
  if (typeof value === 'string') return redactLinks(value) as Value
  return Array.isArray(value) ? (value.map(redactedValue) as Value) : value
}
