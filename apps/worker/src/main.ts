import { configOrExit } from '@stems/config/environment'
import { createClient } from '@stems/outgoing/client'
import { createUrlGuard } from '@stems/outgoing/url-guard'
import { createAskLimit, PROVIDER_TURNS } from '@stems/queue/ask-limit'
import { createQueueCounter } from '@stems/queue/counts'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectImpatiently, connectPatiently, disconnect } from '@stems/queue/redis'
import { createSeparationsWorker } from '@stems/queue/separations-worker'
import { createStemsWorker } from '@stems/queue/stems-worker'
import { createStuckFinder } from '@stems/queue/stuck'
import { createSubmitter } from '@stems/queue/submit'
import { freeSpace } from '@stems/store/free-space'
import { openStore, storeFolder } from '@stems/store/open-store'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { createAwaiting } from './awaiting.ts'
import { readConfig } from './config.ts'
import { startDanger } from './danger.ts'
import { createDiskReserve, reserveOrExit } from './disk-reserve.ts'
import { createDownload } from './download.ts'
import { createFinishSeparation } from './finish-separation.ts'
import { createFreshLink } from './fresh-link.ts'
import { createHealthServer } from './health-server.ts'
import { addDiskMetrics, createWorkerMetrics } from './metrics.ts'
import { createNoticeBlocked } from './notice-blocked.ts'
import { startNotify } from './notify.ts'
import { createProviderApi } from './provider-api.ts'
import { createProviderGate } from './provider-gate.ts'
import { createReadback } from './readback.ts'
import { createReadiness } from './readiness.ts'
import { startReconcile } from './reconcile.ts'
import { createSaveStem } from './save-stem.ts'
import { createWatchdog } from './watchdog.ts'

// Downloads that run may finish; what has not is handed back. Orchestrators are told to wait 30 s.
const DRAIN_MS = 20_000
const SUBMIT_DEADLINE_MS = 5000
const SHUTDOWN_LIMIT_MS = 24_000

const config = configOrExit(() => readConfig(process.env))
const log = createLog('worker', config.logLevel)
if (config.allowPrivate) log.warn({}, 'download.allow_private: requests may go to private addresses')

const store = openStore(config.storeUrl)
const lookAtDisk = () => freeSpace(storeFolder(config.storeUrl))
await reserveOrExit(lookAtDisk, config.reserveBytes)
const jobsRedis = connectPatiently(config.redisUrl, log)
const statusRedis = connectImpatiently(config.redisUrl, log)
const counter = createQueueCounter(statusRedis, config.queuePrefix)
const metrics = createWorkerMetrics(counter)
const queue = { redis: jobsRedis, prefix: config.queuePrefix, log }
const watchdog = createWatchdog({
  counter,
  stuckMs: config.stuckMs,
  isLeftAlone: (name) => name === 'stems' && disk.isLow(),
  log,
})

const quarantine = createQuarantine({
  redis: statusRedis,
  prefix: config.queuePrefix,
  deadlineMs: SUBMIT_DEADLINE_MS,
  ...config.quarantine,
})
const gate = createProviderGate({ log })
const providerApi =
  config.providerApi &&
  createProviderApi({
    ...config.providerApi,
    allowPrivate: config.allowPrivate,
    noticeBlocked: createNoticeBlocked({ metrics, log }),
    takeTurn: createAskLimit({ redis: statusRedis, prefix: config.queuePrefix, ...PROVIDER_TURNS }),
    gate,
  })

const notify = startNotify({ config: config.notify, queue, store, metrics, log })
const separations = createSeparationsWorker({
  ...queue,
  readback: createReadback({
    mode: config.readback,
    patienceMs: config.readbackPatienceMs,
    readRecord: providerApi?.readRecord,
    setAside: quarantine.keep,
    log,
  }),
  awaiting: createAwaiting({ readRecord: providerApi?.readRecord, ...config.expected, log }),
  attempts: config.attempts,
  begin: store.noteOpen,
  finish: createFinishSeparation({ store, metrics, log }),
  onFinished: notify?.finished,
  onActivity: () => watchdog.busy('separations'),
})
const stems = createStemsWorker({
  ...queue,
  concurrency: config.concurrency,
  globalConcurrency: config.globalConcurrency,
  backoffMs: config.backoffMs,
  startsPaused: true, // until the first look at the disk
  onActivity: () => watchdog.busy('stems'),
  onSaved: notify?.saved,
  save: createSaveStem({
    store,
    download: createDownload(createClient(createUrlGuard(config)), config),
    freshLink: createFreshLink(providerApi),
    metrics,
    log,
  }),
})
const disk = createDiskReserve({ look: lookAtDisk, reserveBytes: config.reserveBytes, intake: stems, log })
addDiskMetrics(metrics.registry, disk)
await disk.start()
watchdog.start()
const submitter = createSubmitter({ redis: statusRedis, prefix: config.queuePrefix, deadlineMs: SUBMIT_DEADLINE_MS })
const stuck = createStuckFinder({ redis: statusRedis, prefix: config.queuePrefix, attempts: config.attempts })
const reconcile = startReconcile({ store, submitter, stuck, everyMs: config.reconcileMs, log })
const danger = startDanger({ store, registry: metrics.registry, everyMs: config.reconcileMs, log })
const health = createHealthServer({
  metrics: metrics.registry,
  stuck: watchdog.stuck,
  notReady: createReadiness({
    isRedisReady: () => statusRedis.status === 'ready',
    store,
    intakeProblem: disk.problem,
    providerProblem: gate.problem,
  }),
})
await listenOrExit(health, { host: config.host, port: config.healthPort, variable: 'WORKER_HEALTH_PORT' }, log)

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  watchdog.close()
  disk.close()
  await Promise.all([stems.close(DRAIN_MS), separations.close(), notify?.stop()])
  await notify?.close()
  await reconcile.close()
  await danger.close()
  await stuck.close()
  await quarantine.close()
  await submitter.close()
  await counter.close()
  await health.close()
  disconnect(statusRedis)
  disconnect(jobsRedis)
})
