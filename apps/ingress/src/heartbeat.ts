import type { AppHeartbeat } from '@stems/queue/heartbeat'
import type { Spool } from '@stems/store/spool'

/** What the heartbeat of ingress tells: the content of its spool. */
export const describeIngress = (spool: Pick<Spool, 'state'>, maxBytes: number): AppHeartbeat => {
  const { files: callbacks, bytes, oldestAgeSeconds } = spool.state()
  return { app: 'ingress', spool: { callbacks, bytes, maxBytes, oldestAgeSeconds } }
}
