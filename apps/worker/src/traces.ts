import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { publicLink } from '@stems/domain/link'
import type { Answer, Client } from '@stems/outgoing/client'
import type { StemStore } from '@stems/store/stem-store'
import type { Span, Tracer } from '@stems/telemetry/tracer'

/**
 * Sends requests as `client` does. The span of each lasts until the body of its answer has been read, or given up.
 *
 * @param isOurs the receiver is of this system: it may go on in the trace, and of its URL, which may be a secret, the host
 *   is shown. Strangers learn nothing of us, and their links are shown in their public form.
 */
export const traceClient = (client: Client, tracer: Tracer | undefined, { isOurs = false } = {}): Client => {
  if (!tracer) return client
  return {
    request: (url, options) =>
      new Promise((resolve, reject) => {
        const { method = 'GET' } = options
        const attributes = {
          'http.request.method': method,
          'server.address': url.hostname,
          ...(isOurs ? {} : { 'url.full': publicLink(url.href) }),
        }
        const ask = async (span: Span): Promise<void> => {
          const headers = { ...options.headers, ...(isOurs ? { traceparent: span.traceparent } : {}) }
          const answer = await client.request(url, { ...options, headers })
          span.set({ 'http.response.status_code': answer.status })
          if (answer.status >= 400) span.fail(`answered ${answer.status}`)
          await whileItIsRead(answer, span, resolve)
        }
        tracer.span(method, { kind: 'client', attributes }, ask).catch(reject)
      }),
  }
}

/** Passes an answer on, and waits until its body has been read, or fails as it does. */
const whileItIsRead = async (answer: Answer, span: Span, pass: (answer: Answer) => void): Promise<void> => {
  let bytes = 0
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done(null, chunk)
    },
  })
  const read = pipeline(answer.body, body)
  pass({ ...answer, body })
  try {
    await read
  } catch (error) {
    // Whoever has heard enough closes it, which is no failure.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  } finally {
    span.set({ 'http.response.body.size': bytes })
  }
}

/** Keeps what `store` keeps. What everybody waits for has spans: giving a stem its name, and writing the manifest. */
export const traceStore = <Store extends StemStore>(store: Store, tracer: Tracer | undefined): Store => {
  if (!tracer) return store
  return {
    ...store,
    createPart: async (taskId, stem) => {
      const part = await store.createPart(taskId, stem)
      const attributes = { 'stemkeeper.task_id': taskId, 'stemkeeper.stem': stem }
      return { ...part, publish: (extension) => tracer.span('publish', { attributes }, () => part.publish(extension)) }
    },
    writeManifest: (manifest) => {
      const attributes = { 'stemkeeper.task_id': manifest.task_id, 'stemkeeper.status': manifest.status }
      return tracer.span('write manifest', { attributes }, () => store.writeManifest(manifest))
    },
  }
}
