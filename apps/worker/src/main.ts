import { configOrExit } from '@stems/config/environment'
import { createQueueCounter } from '@stems/queue/counts'
import { connectImpatiently, connectPatiently, disconnect } from '@stems/queue/redis'
import { createSeparationsWorker } from '@stems/queue/separations-worker'
import { createStemsWorker } from '@stems/queue/stems-worker'
import { openStore } from '@stems/store/open-store'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { readConfig } from './config.ts'
import { createDownload } from './download.ts'
import { createFinishSeparation } from './finish-separation.ts'
import { createHealthServer } from './health-server.ts'
import { createWorkerMetrics } from './metrics.ts'
import { createSaveStem } from './save-stem.ts'
import { createUrlGuard } from './url-guard.ts'

// Downloads that run may finish; what has not is handed back. Orchestrators are told to wait 30 s.
const DRAIN_MS = 20_000
const SHUTDOWN_LIMIT_MS = 24_000

const config = configOrExit(() => readConfig(process.env))
const log = createLog('worker', config.logLevel)
if (config.allowPrivate) log.warn({}, 'download.allow_private: requests may go to private addresses')

const store = openStore(config.storeUrl)
const jobsRedis = connectPatiently(config.redisUrl, log)
const statusRedis = connectImpatiently(config.redisUrl, log)
const counter = createQueueCounter(statusRedis, config.queuePrefix)
const metrics = createWorkerMetrics(counter)
const queue = { redis: jobsRedis, prefix: config.queuePrefix, log }

const separations = createSeparationsWorker({
  ...queue,
  attempts: config.attempts,
  finish: createFinishSeparation({ store, metrics, log }),
})
const stems = createStemsWorker({
  ...queue,
  concurrency: config.concurrency,
  globalConcurrency: config.globalConcurrency,
  backoffMs: config.backoffMs,
  save: createSaveStem({ store, download: createDownload(createUrlGuard(config), config), metrics, log }),
})
const health = createHealthServer({
  metrics: metrics.registry,
  notReady: async () => {
    const storeProblem = await store.check().then(
      () => undefined,
      (error: Error) => error.message,
    )
    return [...(statusRedis.status === 'ready' ? [] : ['Redis is away']), ...(storeProblem ? [storeProblem] : [])]
  },
})
await listenOrExit(health, { host: config.host, port: config.healthPort, variable: 'WORKER_HEALTH_PORT' }, log)

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  await Promise.all([stems.close(DRAIN_MS), separations.close()])
  await counter.close()
  await health.close()
  disconnect(statusRedis)
  disconnect(jobsRedis)
})
