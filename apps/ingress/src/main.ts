import { configOrExit } from '@stems/config/environment'
import { createPurchaseBook } from '@stems/queue/purchases'
import { createQuarantine } from '@stems/queue/quarantine'
import { awaitReady, connectImpatiently, disconnect } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { createSpool } from '@stems/store/spool'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { createAdmission } from './admit.ts'
import { readConfig } from './config.ts'
import { startDrain } from './drain.ts'
import { createDelivery, createKeep } from './keep.ts'
import { createIngressMetrics } from './metrics.ts'
import { createServer } from './server.ts'
import { openOrExit } from './spool-at-start.ts'

const SUBMIT_DEADLINE_MS = 1500 // every answer leaves within 2 s
const REDIS_GRACE_MS = 1000 // no callback is turned away only because it came before the connection was made
const SHUTDOWN_LIMIT_MS = 10_000

const config = configOrExit(() => readConfig(process.env))
const log = createLog('ingress', config.logLevel)
if (!config.authRequired) log.warn({}, 'auth.none: anybody who finds the URL can send callbacks')

const redis = connectImpatiently(config.redisUrl, log)
const submitter = createSubmitter({ redis, prefix: config.queuePrefix, deadlineMs: SUBMIT_DEADLINE_MS })
const quarantine = createQuarantine({
  redis,
  prefix: config.queuePrefix,
  deadlineMs: SUBMIT_DEADLINE_MS,
  ...config.quarantine,
})
const spool = createSpool(config.spoolDir, config.spoolMaxBytes)
await openOrExit(spool, config.spoolDir)
const deliver = createDelivery({ submitter, quarantine, purchases: createPurchaseBook(redis, config.queuePrefix) })
const metrics = createIngressMetrics(spool)
const server = await createServer({
  log,
  metrics,
  secrets: config.secrets,
  authRequired: config.authRequired,
  limits: config.limits,
  admit: createAdmission({
    secrets: config.secrets,
    authRequired: config.authRequired,
    keep: createKeep({ deliver, spool, log }),
  }),
  health: {
    notReady: () => (redis.status === 'ready' ? [] : ['Redis is away']),
    metrics: metrics.registry,
  },
})
const drain = startDrain({ spool, deliver, isReady: () => redis.status === 'ready', log })
await awaitReady(redis, REDIS_GRACE_MS)
await listenOrExit(server, { host: config.host, port: config.port, variable: 'PORT' }, log)

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  await server.close()
  await drain.close()
  await submitter.close()
  await quarantine.close()
  disconnect(redis)
})
