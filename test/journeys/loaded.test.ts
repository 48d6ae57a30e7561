import { expect, test } from 'vitest'
import { loadedBy, TELLS_LOADED } from '../support/loaded-packages.ts'
import { startSystem } from '../support/system.ts'

const BUCKETS = /^@(aws-sdk|smithy)\//
const REQUESTS = /^(got|request-filtering-agent)$/
const PROVIDER_TURNS = /^rate-limiter-flexible$/
const TRACING = /^(@opentelemetry\/(?!api$).*|bullmq-otel)$/ // prom-client asks for its API
const AUDIO = /^(file-type|music-metadata|mpg123-decoder)$/
const PAGES = /^(@bull-board\/.*|yazl)$/

test('an app loads no client, no decoder and no page that its settings and its start have no use for', async () => {
  const { ingress, workers, addBoard } = await startSystem({ shared: TELLS_LOADED })
  const loaded = { ingress: loadedBy(ingress), worker: workers.flatMap(loadedBy), board: loadedBy(await addBoard()) }
  const without = (app: keyof typeof loaded, ...patterns: RegExp[]) => {
    expect(loaded[app]).toContain('bullmq')
    expect(loaded[app].filter((name) => patterns.some((pattern) => pattern.test(name)))).toEqual([])
  }
  without('ingress', BUCKETS, REQUESTS, PROVIDER_TURNS, TRACING, AUDIO, PAGES)
  without('worker', BUCKETS, PROVIDER_TURNS, TRACING, /^(music-metadata|mpg123-decoder)$/, PAGES)
  without('board', BUCKETS, REQUESTS, PROVIDER_TURNS, TRACING, AUDIO)
})
