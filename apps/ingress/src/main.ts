import { configOrExit } from '@stems/config/environment'
import { startHeartbeat } from '@stems/queue/heartbeat'
import { createPurchaseBook } from '@stems/queue/purchases'
import { createQuarantine } from '@stems/queue/quarantine'
import { awaitReady, connectImpatiently, disconnect, isReady } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { createWaitingTime } from '@stems/queue/waiting-time'
import { createSpool } from '@stems/store/spool'
import { addWaitingGauge } from '@stems/telemetry/gauges'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { startTracing } from '@stems/telemetry/tracing'
import project from '../../../package.json' with { type: 'json' }
import { readConfig } from './config.ts'
import { startDrain } from './drain.ts'
import { createDelivery, createKeep } from './keep.ts'
import { createIngressMetrics } from './metrics.ts'
import { createServer } from './server.ts'
import { openOrExit } from './spool-at-start.ts'
import { traceCallbacks, traceDrained } from './traces.ts'

const REDIS_GRACE_MS = 1000 // no callback is turned away only because it came before the connection was made
const SUBMIT_DEADLINE_MS = 1500 // every answer leaves within 2 s
const SHUTDOWN_LIMIT_MS = 10_000

const config = configOrExit(() => readConfig(process.env))
const log = createLog('ingress', config.logLevel)
if (!config.authRequired) log.warn({}, 'auth.none: anybody who finds the URL can send callbacks')

const tracing = await startTracing(config.tracing, log)
const spool = createSpool(config.spoolDir, config.spoolMaxBytes)
await openOrExit(spool, config.spoolDir)
const redis = connectImpatiently(config.redis, log)
const queue = { redis, prefix: config.queuePrefix, deadlineMs: SUBMIT_DEADLINE_MS }
const submitter = createSubmitter({ ...queue, telemetry: tracing?.telemetry })
const quarantine = createQuarantine({ ...queue, ...config.quarantine })
const deliver = createDelivery({
  submitter,
  quarantine,
  purchases: createPurchaseBook(redis, config.queuePrefix),
})
const metrics = createIngressMetrics(spool, () => isReady(redis))
// Workers show it too; ingress is there when there is no worker.
const waiting = createWaitingTime(redis, config.queuePrefix)
addWaitingGauge(metrics.registry, waiting.read)
const server = await createServer({
  log,
  metrics,
  secrets: config.secrets,
  authRequired: config.authRequired,
  limits: config.limits,
  keep: traceCallbacks(createKeep({ deliver, spool, log }), tracing?.tracer),
  health: {
    notReady: () => (isReady(redis) ? [] : ['Redis is away']),
    metrics: metrics.registry,
  },
})
const drain = startDrain({ spool, deliver: traceDrained(deliver, tracing?.tracer), isReady: () => isReady(redis), log })
await awaitReady(redis, REDIS_GRACE_MS)
await listenOrExit(server, { host: config.host, port: config.port, variable: 'PORT' }, log)
const heartbeat = startHeartbeat({
  redis,
  prefix: config.queuePrefix,
  version: project.version,
  describe: () => {
    const { files: callbacks, bytes, oldestAgeSeconds: oldest_seconds } = spool.state()
    return { app: 'ingress', spool: { callbacks, bytes, max_bytes: config.spoolMaxBytes, oldest_seconds } }
  },
  log,
})

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  await server.close()
  await drain.close()
  await heartbeat.close()
  disconnect(redis)
  await tracing?.close()
})
