import { heartbeatKeys } from '@stems/queue/heartbeat'
import type { TestBoard } from './start-board.ts'

/** Lets processes run, as far as the board can tell. */
export const putHeartbeats = async (
  { redis, prefix }: Pick<TestBoard, 'redis' | 'prefix'>,
  ...heartbeats: { id: string }[]
): Promise<void> => {
  const keys = heartbeatKeys(prefix)
  for (const heartbeat of heartbeats) {
    await redis.set(keys.of(heartbeat.id), JSON.stringify(heartbeat))
    await redis.zadd(keys.ids, Date.now(), heartbeat.id)
  }
}
