import { setTimeout as sleep } from 'node:timers/promises'
import { createAnalysesWorker } from '@stems/queue/analyses-worker'
import { createQueueCounter } from '@stems/queue/counts'
import { createLibraryIndex } from '@stems/queue/library-index'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectPatiently, disconnect, isReady, type RedisConnection } from '@stems/queue/redis'
import { createSeparationsWorker } from '@stems/queue/separations-worker'
import { createStemsWorker } from '@stems/queue/stems-worker'
import { createStuckFinder } from '@stems/queue/stuck'
import type { Submitter } from '@stems/queue/submit'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { Tracing } from '@stems/telemetry/tracing'
import { createAnalyseSeparation } from './analysis/analyse-separation.ts'
import type { AnalysisThread } from './analysis/analysis-thread.ts'
import { createAtWork } from './at-work.ts'
import { createAwaiting } from './awaiting.ts'
import type { readConfig } from './config.ts'
import { createFinishSeparation } from './finish-separation.ts'
import type { WorkerMetrics } from './metrics.ts'
import { startNotify } from './notify.ts'
import type { createProviderApi } from './provider-api.ts'
import { createReadback } from './readback.ts'
import { startReconcile } from './reconcile.ts'
import { startReindex } from './reindex.ts'
import type { createSaveStem } from './save-stem.ts'
import { createWatchdog } from './watchdog.ts'

// Downloads that run may finish; what has not is handed back. Orchestrators are told to wait 30 s.
const DRAIN_MS = 20_000
const SUBMIT_DEADLINE_MS = 5000
const AWAY_PATIENCE_MS = 3000
const LOOK_MS = 100

type WorkerConfig = ReturnType<typeof readConfig>

export type ConsumersOptions = {
  config: WorkerConfig
  /** A connection that fails fast; it stays the caller's to close. */
  statusRedis: RedisConnection
  submitter: Submitter
  store: StemStore
  metrics: WorkerMetrics
  providerApi: ReturnType<typeof createProviderApi> | undefined
  saveStem: ReturnType<typeof createSaveStem>
  /** No stem is analyzed without it. */
  analysisThread: AnalysisThread | undefined
  /** Are no new downloads taken, for lack of disk space? */
  isIntakePaused: () => boolean
  tracing: Tracing | undefined
  log: Log
}

/** Starts the consumers of all queues, with the watchdog and the sweep that see to it that they go on. */
export const startConsumers = (options: ConsumersOptions) => {
  const { config, statusRedis, store, metrics, providerApi, saveStem, isIntakePaused, submitter, log } = options
  const prefix = config.queuePrefix
  const jobsRedis = connectPatiently(config.redis, log)
  const queue = { redis: jobsRedis, prefix, retainS: config.retainJobsS, telemetry: options.tracing?.telemetry, log }
  const counter = createQueueCounter(statusRedis, prefix)
  const watchdog = createWatchdog({
    counter,
    stuckMs: config.stuckMs,
    isLeftAlone: (queueName) => queueName === 'stems' && isIntakePaused(),
    log,
  })
  const quarantine = createQuarantine({
    redis: statusRedis,
    prefix,
    deadlineMs: SUBMIT_DEADLINE_MS,
    ...config.quarantine,
  })
  const notify = startNotify({ config: config.notify, queue, store, metrics, tracer: options.tracing?.tracer, log })
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
    analyses: options.analysisThread !== undefined,
    onActivity: () => watchdog.busy('separations'),
  })
  const atWork = createAtWork()
  const stems = createStemsWorker({
    ...queue,
    concurrency: config.concurrency,
    globalConcurrency: config.globalConcurrency,
    backoffMs: config.backoffMs,
    startsPaused: true, // until the first look at the disk
    onActivity: () => watchdog.busy('stems'),
    onSaved: notify?.saved,
    save: atWork.watch(saveStem),
  })
  const thread = options.analysisThread
  const onAnalysed = createLibraryIndex(statusRedis, prefix).touch
  const analyses =
    thread &&
    createAnalysesWorker({ ...queue, analyse: createAnalyseSeparation({ store, thread, metrics, onAnalysed, log }) })
  watchdog.start()
  const stuck = createStuckFinder({ redis: statusRedis, prefix, attempts: config.attempts })
  const reconcile = startReconcile({ store, submitter, stuck, everyMs: config.reconcileMs, log })
  const reindex = startReindex({ redis: jobsRedis, prefix, store, everyMs: config.reconcileMs, log })

  const leave = async (): Promise<void> => {
    await Promise.all([
      watchdog.close(),
      stems.close(DRAIN_MS),
      separations.close(),
      analyses?.close(),
      notify?.close(),
    ])
    await reconcile.close()
    await reindex.close()
  }

  // A Redis that is away cannot be told that anybody leaves. The next worker finds what was under way to have stalled.
  const untilNobodyCanBeTold = async (signal: AbortSignal): Promise<void> => {
    for (let awayMs = 0; awayMs < AWAY_PATIENCE_MS; ) {
      await sleep(LOOK_MS, undefined, { signal })
      awayMs = isReady(statusRedis) || atWork.stems().length > 0 ? 0 : awayMs + LOOK_MS
    }
    log.warn({}, 'worker.left_without_word: Redis is away')
  }

  return {
    counter,
    /** Why only a restart can help; `undefined` when none is needed. */
    stuck: watchdog.stuck,
    /** What is being done right now: stems, and task ids of separations. */
    atWork: () => ({ stems: atWork.stems(), separations: separations.running() }),
    intake: { pause: stems.pause, resume: stems.resume },
    /** Takes nothing new, lets what runs come to its end for a while, and leaves. */
    close: async (): Promise<void> => {
      const hasLeft = new AbortController()
      await Promise.race([leave(), untilNobodyCanBeTold(hasLeft.signal)]).finally(() => hasLeft.abort())
      disconnect(jobsRedis)
    },
  }
}

export type Consumers = ReturnType<typeof startConsumers>
