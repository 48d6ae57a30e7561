import type { Spool } from '@stems/store/spool'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** Ingress's figures, in a registry of their own. */
export const createIngressMetrics = (spool: Spool) => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const watchSpool = (name: string, help: string, figure: 'files' | 'bytes' | 'oldestAgeSeconds') =>
    new Gauge({
      name: `stemkeeper_spool_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(spool.state()[figure])
      },
    })
  watchSpool('files', 'Callbacks that wait for Redis', 'files')
  watchSpool('bytes', 'Their size', 'bytes')
  watchSpool('oldest_age_seconds', 'How long the oldest of them has been waiting', 'oldestAgeSeconds')
  return {
    registry,
    callbacks: new Counter({
      name: 'stemkeeper_callbacks_total',
      help: 'Callbacks, by the answer they got',
      labelNames: ['answer'] as const,
      registers: [registry],
    }),
  }
}

export type IngressMetrics = ReturnType<typeof createIngressMetrics>
