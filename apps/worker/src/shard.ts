import { setTimeout as sleep } from 'node:timers/promises'
import { createAmender } from '@stems/queue/amend'
import { type AnalysesWorkerOptions, createAnalysesWorker } from '@stems/queue/analyses-worker'
import { createQueueCounter } from '@stems/queue/counts'
import type { HostLimit } from '@stems/queue/host-limit'
import { createLibraryNotes } from '@stems/queue/library-notes'
import { startSamples } from '@stems/queue/minute-samples'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectImpatiently, connectPatiently, disconnect, isReady, type RedisTarget } from '@stems/queue/redis'
import { createSeparationsWorker } from '@stems/queue/separations-worker'
import type { TaskSubmitter } from '@stems/queue/shard-submitter'
import { createStemsWorker } from '@stems/queue/stems-worker'
import { createStuckFinder } from '@stems/queue/stuck'
import { createSubmitter } from '@stems/queue/submit'
import type { Telemetry } from '@stems/queue/telemetry'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { Tracing } from '@stems/telemetry/tracing'
import { createAmendManifest } from './analysis/amend-manifest.ts'
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
import type { createSaveStem } from './save-stem.ts'
import { createWatchdog } from './watchdog.ts'

// Downloads that run may finish; what has not is handed back. Orchestrators are told to wait 30 s.
const DRAIN_MS = 20_000
const SUBMIT_DEADLINE_MS = 5000
const AWAY_PATIENCE_MS = 3000
const LOOK_MS = 100

/** What every worker has of every shard, whether it serves it or not: a connection, and a look at where a task is. */
export const openShard = ({ target, config, telemetry, log: appLog }: OpenOptions) => {
  const log = config.redis.length > 1 ? appLog.child({ shard: target.name }) : appLog
  const statusRedis = connectImpatiently(target, log)
  const room = { redis: statusRedis, prefix: config.queuePrefix, deadlineMs: SUBMIT_DEADLINE_MS }
  const submitter = createSubmitter({ ...room, telemetry })
  return {
    target,
    name: target.name,
    log,
    /** Fails fast. */
    statusRedis,
    submitter,
    close: async () => {
      await submitter.close()
      disconnect(statusRedis)
    },
  }
}

type WorkerConfig = ReturnType<typeof readConfig>

type OpenOptions = { target: RedisTarget; config: WorkerConfig; telemetry: Telemetry | undefined; log: Log }

export type OpenShard = ReturnType<typeof openShard>

export type ShardOptions = {
  shard: OpenShard
  config: WorkerConfig
  /** Looks for a task in all shards. */
  submitter: TaskSubmitter
  /** Does a task belong to this shard? */
  owns: (taskId: string) => boolean
  /** What of the process' limits is for this shard. */
  concurrency: number
  globalConcurrency: number | undefined
  /** Over all shards. */
  hostLimit: HostLimit
  store: StemStore
  metrics: WorkerMetrics
  providerApi: ReturnType<typeof createProviderApi> | undefined
  saveStem: ReturnType<typeof createSaveStem>
  /** Nobody looks at stems where there is none. */
  analysisThread: AnalysisThread | undefined
  /** Are no new downloads taken, for lack of disk space? */
  isIntakePaused: () => boolean
  tracing: Tracing | undefined
}

/**
 * Serves one Redis: all that a worker does once per shard. It shares nothing with other shards that could wait for this one,
 * so that one which is away holds up nobody.
 */
export const startShard = (options: ShardOptions) => {
  const { shard, config, store, metrics, providerApi, saveStem, isIntakePaused, submitter } = options
  const { target, name, statusRedis, log } = shard
  const prefix = config.queuePrefix
  const jobsRedis = connectPatiently(target, log)
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
    amend: createAmendManifest({ store, log }),
    analyses: options.analysisThread !== undefined,
    onActivity: () => watchdog.busy('separations'),
  })
  const atWork = createAtWork()
  const stems = createStemsWorker({
    ...queue,
    concurrency: options.concurrency,
    globalConcurrency: options.globalConcurrency,
    turns: { limit: options.hostLimit, queue: name },
    backoffMs: config.backoffMs,
    startsPaused: true, // until the first look at the disk
    onActivity: () => watchdog.busy('stems'),
    onSaved: notify?.saved,
    save: atWork.watch(saveStem),
  })
  const analyses = startAnalyses(options, queue)
  watchdog.start()
  const stuck = createStuckFinder({ redis: statusRedis, prefix, attempts: config.attempts })
  const reconcile = startReconcile({
    store: ownPartOf(store, options.owns),
    submitter,
    stuck,
    everyMs: config.reconcileMs,
    log,
  })
  const samples = startSamples({ redis: statusRedis, prefix, counter, log })

  const leave = async (): Promise<void> => {
    await Promise.all([stems.close(DRAIN_MS), separations.close(), analyses?.close(), notify?.stop()])
    await notify?.close()
    await reconcile.close()
    await stuck.close()
    await quarantine.close()
    await samples.close()
    await counter.close()
  }

  // A Redis that is away cannot be told that anybody leaves. The next worker finds what was under way to have stalled.
  const untilNobodyCanBeTold = async (signal: AbortSignal): Promise<void> => {
    for (let awayMs = 0; awayMs < AWAY_PATIENCE_MS; ) {
      await sleep(LOOK_MS, undefined, { signal })
      awayMs = isReady(statusRedis) || atWork.stems().length > 0 ? 0 : awayMs + LOOK_MS
    }
    log.warn({}, 'shard.left_without_word: Redis is away')
  }

  return {
    name,
    counter,
    isReady: (): boolean => isReady(statusRedis),
    /** Why only a restart can help; `undefined` when none is needed. */
    stuck: (): string | undefined => {
      const reason = watchdog.stuck()
      return reason === undefined || config.redis.length === 1 ? reason : `shard ${name}: ${reason}`
    },
    /** What is being done right now: stems, and task ids of separations. */
    atWork: () => ({ stems: atWork.stems(), separations: separations.running() }),
    intake: { pause: stems.pause, resume: stems.resume },
    /** Takes nothing new, lets what runs come to its end for a while, and leaves. */
    close: async (): Promise<void> => {
      watchdog.close()
      const hasLeft = new AbortController()
      await Promise.race([leave(), untilNobodyCanBeTold(hasLeft.signal)]).finally(() => hasLeft.abort())
      disconnect(jobsRedis)
    },
  }
}

export type Shard = ReturnType<typeof startShard>

const startAnalyses = (
  { shard, config, store, metrics, analysisThread: thread }: ShardOptions,
  queue: Omit<AnalysesWorkerOptions, 'analyse'>,
) => {
  if (!thread) return undefined
  const { statusRedis: redis, log } = shard
  const amender = createAmender({ redis, prefix: config.queuePrefix, deadlineMs: SUBMIT_DEADLINE_MS })
  const worker = createAnalysesWorker({
    ...queue,
    analyse: createAnalyseSeparation({
      ...{ store, thread, metrics, log },
      amend: amender.amend,
      onAnalysed: createLibraryNotes(redis, config.queuePrefix).tell,
    }),
  })
  return {
    close: async (): Promise<void> => {
      await worker.close()
      await amender.close()
    },
  }
}

// What is open in the store belongs to the shard of its task: only that one's sweep drives it again.
const ownPartOf = (store: StemStore, owns: (taskId: string) => boolean): StemStore => ({
  ...store,
  listOpen: async (olderThanMs) => (await store.listOpen(olderThanMs)).filter(({ taskId }) => owns(taskId)),
})
