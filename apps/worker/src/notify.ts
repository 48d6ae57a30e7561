import type { SavedStem } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import type { StemJob } from '@stems/queue/jobs'
import { createAnnouncer } from '@stems/queue/notifications'
import {
  createNotificationsWorker,
  type NotificationAttempt,
  type NotificationsWorkerOptions,
} from '@stems/queue/notifications-worker'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { Tracer } from '@stems/telemetry/tracer'
import type { WorkerMetrics } from './metrics.ts'
import { createNoticeBlocked } from './notice-blocked.ts'
import type { NotifyConfig } from './notify-config.ts'
import { createDeliver } from './notify-deliver.ts'
import { separationFinished, stemSaved } from './notify-events.ts'

const AT_ONCE = 8
const PATIENCE_MS = 24 * 3600_000
const FIRST_WAIT_MS = 5000
const LONGEST_WAIT_MS = 3600_000
const DRAIN_MS = 5000

export type NotifyOptions = {
  /** Nobody is told where there is none, and it costs nothing. */
  config: NotifyConfig | undefined
  queue: Pick<NotificationsWorkerOptions, 'redis' | 'prefix' | 'retainS' | 'telemetry'>
  store: Pick<StemStore, 'readManifest'>
  metrics: Pick<WorkerMetrics, 'notifications' | 'blockedUrls'>
  tracer?: Tracer | undefined
  log: Log
}

/** Word to the user's own app: puts events into their queue, and brings them from there to the app. */
export const startNotify = ({ config, queue, store, metrics, tracer, log }: NotifyOptions) => {
  if (!config) return undefined
  const announcer = createAnnouncer(queue)
  const worker = createNotificationsWorker({
    ...queue,
    concurrency: AT_ONCE,
    patienceMs: PATIENCE_MS,
    firstWaitMs: FIRST_WAIT_MS,
    longestWaitMs: LONGEST_WAIT_MS,
    deliver: createDeliver({ ...config, noticeBlocked: createNoticeBlocked({ metrics, log }), tracer }),
    onAttempt: reportAttempts({ metrics, log }),
    log,
  })
  return {
    /** Announces the end of a separation whose manifest has been written. Safe to repeat. Throws when Redis refuses. */
    finished: async ({ taskId }: Separation, run: number): Promise<void> => {
      const manifest = await store.readManifest(taskId)
      if (manifest) await announcer.announce(separationFinished(manifest, run))
      else log.warn({ taskId }, 'notification.without_manifest: somebody has removed it, so nothing is announced')
    },
    /** Announces a stem that is home; left out where nobody wants to hear of it early. Safe to repeat, throws likewise. */
    saved: config.isEarly
      ? ({ taskId, stem }: StemJob, saved: SavedStem): Promise<void> =>
          announcer.announce(stemSaved(taskId, stem, saved))
      : undefined,
    /** Sends nothing any more; what is being sent has a moment. Safe to call twice. */
    close: () => worker.close(DRAIN_MS),
  }
}

const reportAttempts =
  ({ metrics, log }: Pick<NotifyOptions, 'metrics' | 'log'>) =>
  ({ number, ...attempt }: NotificationAttempt): void => {
    metrics.notifications.inc({ outcome: attempt.outcome })
    const line = { ...attempt, attempt: number }
    if (attempt.outcome === 'failed') log.warn(line, 'notification.attempted: it is not sent again by itself')
    else log.info(line, 'notification.attempted')
  }
