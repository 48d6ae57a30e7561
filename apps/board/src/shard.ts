import { createBoardQueues } from '@stems/queue/board-queues'
import { createFigures } from '@stems/queue/figures'
import { createListing } from '@stems/queue/listing'
import { createNotifications } from '@stems/queue/notifications'
import { createProgressReader } from '@stems/queue/progress'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectImpatiently, disconnect, isReady, type RedisTarget } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import type { Telemetry } from '@stems/queue/telemetry'
import type { Log } from '@stems/telemetry/log'

const REDIS_DEADLINE_MS = 1500 // a page that says that Redis is away comes within 2 s

export type ShardOptions = { target: RedisTarget; prefix: string; telemetry?: Telemetry | undefined; log: Log }

/** One Redis, and all that the board looks at and does in it. */
export const openShard = ({ target, prefix, telemetry, log }: ShardOptions) => {
  const redis = connectImpatiently(target, log)
  const room = { redis, prefix, deadlineMs: REDIS_DEADLINE_MS }
  const listing = createListing(room)
  const progress = createProgressReader(redis, prefix)
  const queues = createBoardQueues(room)
  const submitter = createSubmitter({ ...room, telemetry })
  const quarantine = createQuarantine(room)
  const notifications = createNotifications(room)
  const figures = createFigures(room)
  return {
    name: target.name,
    ...{ room, listing, progress, queues, submitter, quarantine, notifications, figures },
    isReady: (): boolean => isReady(redis),
    close: async (): Promise<void> => {
      await queues.close()
      await listing.close()
      await progress.close()
      await submitter.close()
      await quarantine.close()
      await notifications.close()
      await figures.close()
      disconnect(redis)
    },
  }
}

export type BoardShard = ReturnType<typeof openShard>
