import { QuarantineFullError } from '@stems/queue/quarantine-bounds'
import { NotReplicatedError } from '@stems/queue/replicas'
import type { Spool, SpoolEntry } from '@stems/store/spool'
import type { Log } from '@stems/telemetry/log'
import { repeat } from '@stems/telemetry/repeat'
import type { Deliver } from './keep.ts'

const LOOK_EVERY_MS = 500

export type DrainOptions = {
  spool: Spool
  deliver: Deliver
  isReady: () => boolean
  log: Log
}

/** Delivers the spooled callbacks, oldest first, whenever Redis is connected. */
export const startDrain = ({ spool, deliver, isReady, log }: DrainOptions) => {
  let closing = false

  // One that cannot be delivered now must not hold up those behind it; a Redis that is away ends the pass.
  const deliverSpooled = async (entry: SpoolEntry): Promise<boolean> => {
    if (closing) throw new Error('ingress is closing')
    try {
      const answer = await deliver(entry)
      log.info({ taskId: entry.taskId, answer, receivedAt: entry.receivedAt }, 'spool.delivered')
      return true
    } catch (error) {
      if (error instanceof NotReplicatedError) throw error // each of those behind it would wait in vain as long
      if (error instanceof QuarantineFullError || isReady()) return false
      throw error
    }
  }

  const drain = async (): Promise<void> => {
    if (isReady() && spool.state().files > 0) await spool.drain(deliverSpooled)
  }
  const drains = repeat(LOOK_EVERY_MS, drain, (error) =>
    log.warn({ error: error.message, ...spool.state() }, 'spool.interrupted'),
  )
  return {
    /** Finishes the callback that is being delivered, and stops. Safe to call twice. */
    close: (): Promise<void> => {
      closing = true
      return drains.close()
    },
  }
}
