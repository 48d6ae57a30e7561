import type { StemStore } from '@stems/store/stem-store'
import { addHealthRoutes, type Health } from '@stems/telemetry/health'
import fastify from 'fastify'

export type HealthServerOptions = Pick<Health, 'metrics' | 'stuck'> & {
  isRedisReady: () => boolean
  store: Pick<StemStore, 'check'>
  /** Each tells why the worker cannot do a part of its work, where there is a reason. */
  problems: (() => string | undefined)[]
}

/** The worker's only door: health and metrics. */
export const createHealthServer = ({ isRedisReady, store, problems, ...health }: HealthServerOptions) => {
  const notReady = async (): Promise<string[]> => {
    const storeProblem = await store.check().then(
      () => undefined,
      (error: Error) => error.message,
    )
    const redisProblem = isRedisReady() ? undefined : 'Redis is away'
    const all = [redisProblem, storeProblem, ...problems.map((problem) => problem())]
    return all.filter((problem) => problem !== undefined)
  }
  const app = fastify()
  addHealthRoutes(app, { ...health, notReady })
  return app
}
