import { Counter, collectDefaultMetrics, Registry } from 'prom-client'

/** Ingress's figures, in a registry of their own. */
export const createIngressMetrics = () => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
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
