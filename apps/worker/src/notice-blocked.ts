import type { BlockedUrlError } from '@stems/domain/errors'
import type { Log } from '@stems/telemetry/log'
import type { WorkerMetrics } from './metrics.ts'

/**
 * Counts and warns of a URL that was not asked. A provider that moves to a new host looks like an attack: somebody has to
 * see it, even where another link serves.
 */
export const createNoticeBlocked =
  ({ metrics, log }: { metrics: Pick<WorkerMetrics, 'blockedUrls'>; log: Log }) =>
  ({ host, reason, message }: BlockedUrlError, about: object): void => {
    metrics.blockedUrls.inc({ reason })
    log.warn({ ...about, host, reason, error: message }, 'url.blocked')
  }

export type NoticeBlocked = ReturnType<typeof createNoticeBlocked>
