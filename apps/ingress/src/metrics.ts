import type { Spool } from '@stems/store/spool'
import { addGauge, addRedisGauge } from '@stems/telemetry/gauges'
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'

const KEPT = ['accepted', 'duplicate', 'spooled', 'quarantined']
const REFUSED = ['bad_request', 'unauthorized', 'limited', 'unavailable', 'overloaded']
const ANSWERS = [...KEPT, ...REFUSED]

// Answers are to leave within 2 s; the provider waits for 15.
const ANSWER_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15]

/** The metrics of ingress, in a registry of their own. */
export const createIngressMetrics = (spool: Pick<Spool, 'state'>, isReady: () => boolean) => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  addRedisGauge(registry, isReady)
  addGauge(registry, 'stemkeeper_spool_files', 'Callbacks that wait for Redis', () => spool.state().files)
  addGauge(registry, 'stemkeeper_spool_bytes', 'Their size', () => spool.state().bytes)
  const ageHelp = 'How long the oldest of them has been waiting'
  addGauge(registry, 'stemkeeper_spool_oldest_age_seconds', ageHelp, () => spool.state().oldestAgeSeconds)
  const callbacks = new Counter({
    name: 'stemkeeper_callbacks_total',
    help: 'Callbacks, by the answer they got',
    labelNames: ['answer'] as const,
    registers: [registry],
  })
  for (const answer of ANSWERS) callbacks.inc({ answer }, 0) // an alert sees a first time only from a zero
  return {
    registry,
    callbacks,
    answerSeconds: new Histogram({
      name: 'stemkeeper_callback_answer_seconds',
      help: 'How long callbacks waited for their answer, the time included that their senders took for the body',
      buckets: ANSWER_BUCKETS,
      registers: [registry],
    }),
  }
}

export type IngressMetrics = ReturnType<typeof createIngressMetrics>
