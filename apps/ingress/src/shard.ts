import { createArrivalCount } from '@stems/queue/arrival-count'
import { createQueueCounter } from '@stems/queue/counts'
import { startSamples } from '@stems/queue/minute-samples'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectImpatiently, disconnect, isReady, type RedisTarget } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import type { Telemetry } from '@stems/queue/telemetry'
import type { Log } from '@stems/telemetry/log'
import type { readConfig } from './config.ts'

const SUBMIT_DEADLINE_MS = 1500 // every answer leaves within 2 s

export type ShardOptions = {
  target: RedisTarget
  config: ReturnType<typeof readConfig>
  telemetry: Telemetry | undefined
  log: Log
}

/** One Redis, and the ways into it. */
export const openShard = ({ target, config, telemetry, log: appLog }: ShardOptions) => {
  const { name } = target
  const log = config.redis.length > 1 ? appLog.child({ shard: name }) : appLog
  const redis = connectImpatiently(target, log)
  const room = { redis, prefix: config.queuePrefix, deadlineMs: SUBMIT_DEADLINE_MS }
  const submitter = createSubmitter({ ...room, telemetry })
  const quarantine = createQuarantine({ ...room, ...config.quarantine })
  const arrivals = createArrivalCount(redis, config.queuePrefix, log)
  const counter = createQueueCounter(redis, config.queuePrefix)
  // Workers take samples too; ingress is there when there is no worker.
  const samples = startSamples({ redis, prefix: config.queuePrefix, counter, log })
  return {
    name,
    log,
    redis,
    submitter,
    quarantine,
    arrivals,
    isReady: (): boolean => isReady(redis),
    close: async (): Promise<void> => {
      await arrivals.close()
      await samples.close()
      await counter.close()
      await submitter.close()
      await quarantine.close()
      disconnect(redis)
    },
  }
}
