import querystring from 'node:querystring'
import { z } from 'zod'
import { checkedList, webAddress } from './variables.ts'

const PAIR = /^([\w!#$%&*+.^`|~-]+)\s*=\s*((?:[^%]|%[0-9a-f]{2})*)$/i

// As W3C Baggage writes them: `name=value,…`, values percent-encoded.
const pairs = () =>
  checkedList((entry) => (PAIR.test(entry) ? undefined : 'must be name=value, percent-encoded')).transform((entries) =>
    Object.fromEntries(entries.map(readPair)),
  )

const readPair = (entry: string): [name: string, value: string] => {
  const [, name = '', value = ''] = PAIR.exec(entry) ?? []
  return [name, querystring.unescape(value)]
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
