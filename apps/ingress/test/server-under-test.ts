import { createSpool } from '@stems/store/spool'
import { createLog } from '@stems/telemetry/log'
import { onTestFinished } from 'vitest'
import { createDelivery } from '../src/keep.ts'
import { createIngressMetrics } from '../src/metrics.ts'
import { createServer } from '../src/server.ts'

export const TOKEN = 'a-token'
export const KEY = 'a-key'

export type Kept = { separations: unknown[]; quarantined: unknown[]; settled: unknown[]; log: string[] }

/** The real server; in the place of Redis, two lists. */
export const startServer = async ({
  authRequired = true,
  tokens = [TOKEN, 'next-token'],
  hmacKeys = [KEY],
  fails = undefined as Error | undefined,
  strangersPerMinute = 300,
  trustedProxies = [] as string[],
} = {}) => {
  const kept: Kept = { separations: [], quarantined: [], settled: [], log: [] }
  const keep = <T>(list: unknown[], thing: unknown, answer: T): Promise<T> => {
    if (fails) return Promise.reject(fails)
    list.push(thing)
    return Promise.resolve(answer)
  }
  const secrets = { tokens, hmacKeys, toleranceSeconds: 300 }
  const metrics = createIngressMetrics(createSpool('unused', 0), () => true)
  const app = await createServer({
    log: createLog('ingress', 'trace', { write: (line) => void kept.log.push(line) }),
    metrics,
    secrets,
    authRequired,
    limits: { strangersPerMinute, trustedProxies },
    health: { notReady: () => [], metrics: metrics.registry },
    keep: createDelivery({
      submitter: { submit: (separation) => keep(kept.separations, separation, 'accepted') },
      quarantine: { keep: (entry) => keep<void>(kept.quarantined, entry, undefined) },
      purchases: { settle: async (mark, taskId) => void kept.settled.push({ mark, taskId }) },
    }),
  })
  onTestFinished(() => app.close())
  const post = (payload: unknown, headers: Record<string, string | undefined> = {}, path = `/${TOKEN}`) => {
    const given = { 'content-type': 'application/json', ...headers }
    return app.inject({
      method: 'POST',
      url: `/callbacks/separation${path}`,
      headers: Object.fromEntries(Object.entries(given).filter((header) => header[1] !== undefined)),
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    })
  }
  return { app, post, kept, metrics }
}
