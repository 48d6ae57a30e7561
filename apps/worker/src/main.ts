import { configOrExit } from '@stems/config/environment'
import { createClient } from '@stems/outgoing/client'
import { createUrlGuard } from '@stems/outgoing/url-guard'
import { createHostLimit } from '@stems/queue/host-limit'
import { startPresence } from '@stems/queue/presence'
import { awaitReady } from '@stems/queue/redis'
import { createShardSubmitter } from '@stems/queue/shard-submitter'
import { createShards, shareOf } from '@stems/queue/shards'
import { traceSubmitter } from '@stems/queue/traced-submitter'
import { createWaitingTime } from '@stems/queue/waiting-time'
import { openStore } from '@stems/store/open-store'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { startTracing } from '@stems/telemetry/tracing'
import { addWaitingGauge } from '@stems/telemetry/waiting-gauge'
import project from '../../../package.json' with { type: 'json' }
import { createAnalysisThread } from './analysis/analysis-thread.ts'
import { readConfig } from './config.ts'
import { startDanger } from './danger.ts'
import { createDiskReserve, reserveOrExit } from './disk-reserve.ts'
import { createDownload } from './download.ts'
import { createFreshLink } from './fresh-link.ts'
import { createHealthServer } from './health-server.ts'
import { startLibraryFill } from './library-fill.ts'
import { addDiskMetrics, addQueueMetrics, createWorkerMetrics } from './metrics.ts'
import { createNoticeBlocked } from './notice-blocked.ts'
import { createProviderApi } from './provider-api.ts'
import { createProviderGate } from './provider-gate.ts'
import { createReadiness } from './readiness.ts'
import { startRetention } from './retention.ts'
import { createSaveStem } from './save-stem.ts'
import { openShard, startShard } from './shard.ts'
import { traceClient, traceStore } from './traces.ts'
import { createWorkerNote } from './worker-note.ts'

const REDIS_GRACE_MS = 2000
const SHUTDOWN_LIMIT_MS = 24_000 // orchestrators are told to wait 30 s

const config = configOrExit(() => readConfig(process.env))
const log = createLog('worker', config.logLevel)
if (config.allowPrivate) log.warn({}, 'download.allow_private: requests may go to private addresses')

const tracing = await startTracing(config.tracing, log)
const tracer = tracing?.tracer
const store = traceStore(await openStore(config.storeUrl, config.storeOptions), tracer)
await reserveOrExit(store.freeSpace, config.reserveBytes)
const openShards = createShards(config.redis, (target) =>
  openShard({ target, config, telemetry: tracing?.telemetry, log }),
)
const limitsRedis = openShards.of('limits').statusRedis
const submitter = traceSubmitter(createShardSubmitter(openShards), tracer?.task)
const names = openShards.all.map(({ name }) => name)
const served = openShards.all.filter(({ name }) => config.servedShards.includes(name))
const metrics = createWorkerMetrics()
const gate = createProviderGate({ log })
const openProviderApi = async (api: NonNullable<typeof config.providerApi>) => {
  const { createAskLimit, PROVIDER_TURNS } = await import('@stems/queue/ask-limit') // no limiter where nobody asks
  return createProviderApi({
    ...api,
    allowPrivate: config.allowPrivate,
    noticeBlocked: createNoticeBlocked({ metrics, log }),
    takeTurn: createAskLimit({ redis: limitsRedis, prefix: config.queuePrefix, ...PROVIDER_TURNS }),
    gate,
  })
}
const providerApi = config.providerApi && (await openProviderApi(config.providerApi))
const hostLimit = createHostLimit({
  redis: limitsRedis,
  prefix: config.queuePrefix,
  ...config.hostLimit,
  onRefused: (reason) => metrics.turnsRefused.inc({ reason }),
  log,
})
// Where a host's connections are counted, one that is kept would count as none.
const client = createClient(createUrlGuard(config), { keepsConnections: config.hostLimit.connections === undefined })
const saveStem = createSaveStem({
  store,
  download: createDownload(traceClient(client, tracer), config),
  freshLink: createFreshLink(providerApi),
  metrics,
  log,
})

const analysisThread = config.isAnalysed ? createAnalysisThread({ ...config, log }) : undefined
const shards = served.map((shard) =>
  startShard({
    shard,
    config,
    submitter,
    owns: (taskId) => openShards.nameOf(taskId) === shard.name,
    concurrency: shareOf(config.concurrency, shard.name, config.servedShards),
    globalConcurrency: config.globalConcurrency && shareOf(config.globalConcurrency, shard.name, names),
    hostLimit,
    store,
    metrics,
    providerApi,
    saveStem,
    analysisThread,
    isIntakePaused: () => disk.isLow(),
    tracing,
  }),
)
addQueueMetrics(metrics.registry, shards, names.length > 1)
const waiting = openShards.all.map(({ name, statusRedis }) => ({
  name,
  ...createWaitingTime(statusRedis, config.queuePrefix),
}))
addWaitingGauge(metrics.registry, waiting)
const intakes = shards.map(({ intake }) => intake)
const disk = createDiskReserve({
  look: store.freeSpace,
  reserveBytes: config.reserveBytes,
  intake: {
    pause: async () => void (await Promise.all(intakes.map(({ pause }) => pause()))),
    resume: async () => void (await Promise.all(intakes.map(({ resume }) => resume()))),
  },
  log,
})
addDiskMetrics(metrics.registry, disk)
// All workers count the turns of hosts together from the first one on; they do so without it only where Redis is away.
await awaitReady(limitsRedis, REDIS_GRACE_MS)
await disk.start()
const danger = startDanger({ store, registry: metrics.registry, everyMs: config.reconcileMs, log })
const retention = startRetention({
  store,
  ...config.retention,
  shards: openShards.all.map(({ statusRedis }) => statusRedis),
  turns: openShards.of('retention').statusRedis,
  prefix: config.queuePrefix,
  registry: metrics.registry,
  log,
})
const libraryFill = startLibraryFill({
  shards: served.map((shard) => ({ ...shard, owns: (taskId) => openShards.nameOf(taskId) === shard.name })),
  store,
  prefix: config.queuePrefix,
  everyMs: config.reconcileMs,
})
const health = createHealthServer({
  metrics: metrics.registry,
  stuck: () => shards.map(({ stuck }) => stuck()).find((reason) => reason !== undefined),
  notReady: createReadiness({
    isRedisReady: () => shards.some(({ isReady }) => isReady()),
    store,
    intakeProblem: disk.problem,
    providerProblem: gate.problem,
  }),
})
await listenOrExit(health, { host: config.host, port: config.healthPort, variable: 'WORKER_HEALTH_PORT' }, log)
const { describe, leave } = createWorkerNote({ shards, concurrency: config.concurrency, disk, gate })
const presence = startPresence({
  shards: served.map(({ statusRedis }) => statusRedis),
  prefix: config.queuePrefix,
  version: project.version,
  describe,
  log,
})

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  leave()
  presence.note()
  disk.close()
  await Promise.all(shards.map((shard) => shard.close()))
  await presence.close()
  await analysisThread?.close()
  hostLimit.close()
  await danger.close()
  await retention.close()
  await libraryFill.close()
  await Promise.all(waiting.map((each) => each.close()))
  await Promise.all(openShards.all.map((shard) => shard.close()))
  await health.close()
  await tracing?.close()
})
