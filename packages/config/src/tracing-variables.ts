import { z } from 'zod'
import { list, webAddress } from './variables.ts'

// As W3C Baggage writes them: `name=value,…`, values percent-encoded.
const pairs = () =>
  list().transform((entries, context) => {
    const read = entries.map(readPair)
    for (const [index, pair] of read.entries()) {
      if (pair) continue
      context.addIssue({ code: 'custom', message: `entry ${index + 1} must be name=value, percent-encoded` })
    }
    return Object.fromEntries(read.filter((pair) => pair !== undefined))
  })

const readPair = (entry: string): [name: string, value: string] | undefined => {
  const [, name, value] = /^([\w!#$%&*+.^`|~-]+)\s*=\s*(.*)$/.exec(entry) ?? []
  if (name === undefined || value === undefined) return undefined
  try {
    return [name, decodeURIComponent(value)]
  } catch {
    return undefined
  }
}

const RATIO = 'must be a number from 0 to 1'

/** Where traces go: the standard variables of OpenTelemetry. */
export const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: webAddress('http://collector:4318'),
  OTEL_EXPORTER_OTLP_HEADERS: pairs(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs(),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0|1|[01]?\.\d+)$/, RATIO)
    .transform(Number)
    .pipe(z.number().max(1, RATIO))
    .default(1),
}

type Values = z.output<z.ZodObject<typeof tracingVariables>>

/**
 * How traces are sent; `undefined` where nobody collects them.
 *
 * @param app how its part of a trace is called where nobody says otherwise
 */
export const tracingOptions = (config: Values, app: string) =>
  config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
    ? undefined
    : {
        endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
        headers: config.OTEL_EXPORTER_OTLP_HEADERS,
        serviceName: config.OTEL_SERVICE_NAME ?? `stemkeeper-${app}`,
        resource: config.OTEL_RESOURCE_ATTRIBUTES,
        ratio: config.OTEL_TRACES_SAMPLER_ARG,
      }
