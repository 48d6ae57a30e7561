import { configOrExit } from '@stems/config/environment'
import { createClient } from '@stems/outgoing/client'
import { createUrlGuard } from '@stems/outgoing/url-guard'
import { startHeartbeat } from '@stems/queue/heartbeat'
import { createHostLimit } from '@stems/queue/host-limit'
import { awaitReady, connectImpatiently, disconnect, isReady } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { traceSubmitter } from '@stems/queue/traced-submitter'
import { createWaitingTime } from '@stems/queue/waiting-time'
import { openStore } from '@stems/store/open-store'
import { addWaitingGauge } from '@stems/telemetry/gauges'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { startTracing } from '@stems/telemetry/tracing'
import project from '../../../package.json' with { type: 'json' }
import { createAnalysisThread } from './analysis/analysis-thread.ts'
import { readConfig } from './config.ts'
import { startConsumers } from './consumers.ts'
import { startDanger } from './danger.ts'
import { createDiskReserve, reserveOrExit } from './disk-reserve.ts'
import { createDownload } from './download.ts'
import { createFreshLink } from './fresh-link.ts'
import { createHealthServer } from './health-server.ts'
import { describeWorker } from './heartbeat.ts'
import { addDiskMetrics, addQueueMetrics, createWorkerMetrics } from './metrics.ts'
import { createNoticeBlocked } from './notice-blocked.ts'
import { createProviderApi } from './provider-api.ts'
import { createProviderGate } from './provider-gate.ts'
import { startRetention } from './retention.ts'
import { createSaveStem } from './save-stem.ts'
import { traceClient, traceStore } from './traces.ts'

const REDIS_GRACE_MS = 2000
const SUBMIT_DEADLINE_MS = 5000
const SHUTDOWN_LIMIT_MS = 24_000 // orchestrators are told to wait 30 s

const config = configOrExit(() => readConfig(process.env))
const log = createLog('worker', config.logLevel)
if (config.allowPrivate) log.warn({}, 'download.allow_private: requests may go to private addresses')

const tracing = await startTracing(config.tracing, log)
const tracer = tracing?.tracer
const store = traceStore(await openStore(config.storeUrl, config.storeOptions), tracer)
await reserveOrExit(store.freeSpace, config.reserveBytes)
const statusRedis = connectImpatiently(config.redis, log)
const ownSubmitter = createSubmitter({
  ...{ redis: statusRedis, prefix: config.queuePrefix, deadlineMs: SUBMIT_DEADLINE_MS },
  telemetry: tracing?.telemetry,
})
const metrics = createWorkerMetrics()
const gate = createProviderGate({ log })
const openProviderApi = async (api: NonNullable<typeof config.providerApi>) => {
  const { createAskLimit } = await import('@stems/queue/rate-limit') // loaded only when the provider is asked
  return createProviderApi({
    ...api,
    allowPrivate: config.allowPrivate,
    noticeBlocked: createNoticeBlocked({ metrics, log }),
    takeTurn: createAskLimit({ redis: statusRedis, prefix: config.queuePrefix }),
    gate,
  })
}
const providerApi = config.providerApi && (await openProviderApi(config.providerApi))
const openRateLimit = async (perSecond: number) => {
  const { createRateLimit } = await import('@stems/queue/rate-limit')
  return createRateLimit({ redis: statusRedis, prefix: config.queuePrefix, perSecond })
}
const hostLimit = createHostLimit({
  redis: statusRedis,
  prefix: config.queuePrefix,
  rateLimit: config.hostRequestsPerSecond ? await openRateLimit(config.hostRequestsPerSecond) : undefined,
  onRefused: (reason) => metrics.hostRefusals.inc({ reason }),
  log,
})
const client = createClient(createUrlGuard(config))
const saveStem = createSaveStem({
  store,
  download: createDownload(traceClient(client, tracer), config),
  hostLimit,
  freshLink: createFreshLink(providerApi),
  metrics,
  log,
})

const analysisThread = config.isAnalysed ? createAnalysisThread({ ...config, log }) : undefined
const consumers = startConsumers({
  config,
  statusRedis,
  submitter: traceSubmitter(ownSubmitter, tracer?.task),
  store,
  metrics,
  providerApi,
  saveStem,
  analysisThread,
  isIntakePaused: () => disk.isLow(),
  tracing,
  log,
})
addQueueMetrics(metrics.registry, consumers.counter, () => isReady(statusRedis))
const waiting = createWaitingTime(statusRedis, config.queuePrefix)
addWaitingGauge(metrics.registry, waiting.read)
const disk = createDiskReserve({
  look: store.freeSpace,
  reserveBytes: config.reserveBytes,
  intake: consumers.intake,
  log,
})
addDiskMetrics(metrics.registry, disk)
// All workers limit the requests to hosts together from the first one on.
await awaitReady(statusRedis, REDIS_GRACE_MS)
await disk.start()
const danger = startDanger({ store, registry: metrics.registry, everyMs: config.reconcileMs, log })
const retention = startRetention({
  store,
  ...config.retention,
  redis: statusRedis,
  prefix: config.queuePrefix,
  registry: metrics.registry,
  log,
})
const health = createHealthServer({
  metrics: metrics.registry,
  stuck: consumers.stuck,
  isRedisReady: () => isReady(statusRedis),
  store,
  problems: [disk.problem, gate.problem],
})
await listenOrExit(health, { host: config.host, port: config.healthPort, variable: 'WORKER_HEALTH_PORT' }, log)
let isLeaving = false
const heartbeat = startHeartbeat({
  redis: statusRedis,
  prefix: config.queuePrefix,
  version: project.version,
  describe: () => describeWorker({ consumers, concurrency: config.concurrency, disk, gate, isLeaving }),
  log,
})

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  isLeaving = true
  heartbeat.beat()
  await disk.close()
  await consumers.close()
  await heartbeat.close()
  await analysisThread?.close()
  await danger.close()
  await retention.close()
  disconnect(statusRedis)
  await health.close()
  await tracing?.close()
})
