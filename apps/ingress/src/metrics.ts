import type { Spool } from '@stems/store/spool'
import { addShardGauge } from '@stems/telemetry/shard-gauge'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

// No name of a shard: an earlier process has left them, and no Redis has been there since.
const UNREAD = '(unread)'

const KEPT = ['accepted', 'duplicate', 'spooled', 'quarantined']
const REFUSED = ['bad_request', 'unauthorized', 'limited', 'unavailable', 'overloaded']
const ANSWERS = [...KEPT, ...REFUSED]

// Answers are to leave within 2 s; the provider waits for 15.
const ANSWER_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15]

/** Ingress's figures, in a registry of their own; those of the spool by shard, where there are several. */
export const createIngressMetrics = (spool: Spool, shards: { name: string; isReady: () => boolean }[]) => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const areSeveral = shards.length > 1
  addShardGauge(registry, shards, areSeveral)
  const watchSpool = (name: string, help: string, figure: 'files' | 'bytes' | 'oldestAgeSeconds') =>
    new Gauge({
      name: `stemkeeper_spool_${name}`,
      help,
      labelNames: areSeveral ? ['shard'] : [],
      registers: [registry],
      collect() {
        if (!areSeveral) return this.set(spool.state()[figure])
        this.reset()
        const unread = spool.stateOf(undefined)
        if (unread.files > 0) this.set({ shard: UNREAD }, unread[figure])
        for (const { name: shard } of shards) this.set({ shard }, spool.stateOf(shard)[figure])
      },
    })
  watchSpool('files', 'Callbacks that wait for Redis', 'files')
  watchSpool('bytes', 'Their size', 'bytes')
  watchSpool('oldest_age_seconds', 'How long the oldest of them has been waiting', 'oldestAgeSeconds')
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
