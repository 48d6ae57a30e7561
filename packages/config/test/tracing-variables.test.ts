import { expect, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, readEnvironment } from '../src/environment.ts'
import { tracingOptions, tracingVariables } from '../src/tracing-variables.ts'

const read = (env: NodeJS.ProcessEnv) => tracingOptions(readEnvironment(z.object(tracingVariables), env), 'worker')

const problemsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    read(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('without a collector there is nothing to trace for, whatever else is set', () => {
  expect(read({ OTEL_SERVICE_NAME: 'a', OTEL_EXPORTER_OTLP_HEADERS: 'a=b' })).toBeUndefined()
})

test('a collector alone is enough', () => {
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })).toEqual({
    endpoint: 'http://collector:4318',
    headers: {},
    serviceName: 'stemkeeper-worker',
    resource: {},
    ratio: 1,
  })
})

test('headers and attributes are read as W3C Baggage writes them', () => {
  const { headers, resource, serviceName, ratio } =
    read({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/otlp',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20dTpw=, x-scope = a%2Cb',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'mine',
      OTEL_TRACES_SAMPLER_ARG: '.25',
    }) ?? {}
  expect(headers).toEqual({ authorization: 'Basic dTpw=', 'x-scope': 'a,b' })
  expect({ resource, serviceName, ratio }).toEqual({
    resource: { 'deployment.environment.name': 'test' },
    serviceName: 'mine',
    ratio: 0.25,
  })
})

test('what cannot be read is named, and never repeated', () => {
  const given = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=b,hunter2,c=%hunter2',
    OTEL_TRACES_SAMPLER_ARG: '1.5',
  }
  expect(problemsOf(given).toSorted()).toEqual([
    'OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL such as http://collector:4318',
    'OTEL_EXPORTER_OTLP_HEADERS: entry 2 must be name=value, percent-encoded',
    'OTEL_EXPORTER_OTLP_HEADERS: entry 3 must be name=value, percent-encoded',
    'OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1',
  ])
})
