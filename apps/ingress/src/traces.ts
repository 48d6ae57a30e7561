import type { SpoolEntry } from '@stems/store/spool'
import type { Tracer } from '@stems/telemetry/tracer'
import type { Deliver, Keep } from './keep.ts'

/**
 * Keeps callbacks as `keep` does, and begins the trace of each. Only what is proven comes so far: a stranger's request costs no
 * span, and the `traceparent` of nobody's is believed, since neither token nor signature vouches for a header.
 */
export const traceCallbacks = (keep: Keep, tracer: Tracer | undefined): Keep => {
  if (!tracer) return keep
  return (entry) =>
    tracer.span('POST /callbacks/separation', { kind: 'server', attributes: aboutRequest(entry) }, async (span) => {
      try {
        const kept = await keep({ ...entry, traceparent: span.traceparent })
        span.set({ 'http.response.status_code': 200, 'stemkeeper.answer': kept })
        return kept
      } catch (error) {
        span.set({ 'http.response.status_code': 503 })
        throw error
      }
    })
}

/** Delivers what was spooled as `deliver` does, each in the trace of its callback. */
export const traceDrained = (deliver: Deliver, tracer: Tracer | undefined): Deliver => {
  if (!tracer) return deliver
  return (entry) =>
    tracer.span('drain', { parent: entry.traceparent, attributes: about(entry) }, async (span) => {
      const answer = await deliver(entry)
      span.set({ 'stemkeeper.answer': answer })
      return answer
    })
}

const about = ({ taskId }: SpoolEntry) => ({ 'stemkeeper.task_id': taskId })

const aboutRequest = (entry: SpoolEntry) => ({
  ...about(entry),
  'http.request.method': 'POST',
  'http.route': '/callbacks/separation',
})
