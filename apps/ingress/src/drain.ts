import { QuarantineFullError } from '@stems/queue/quarantine-bounds'
import { NotReplicatedError } from '@stems/queue/replicas'
import type { Spool, SpoolEntry } from '@stems/store/spool'
import type { Log } from '@stems/telemetry/log'
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
  let running: Promise<void> | undefined
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

  const look = () => {
    if (running || !isReady() || spool.state().files === 0) return
    running = spool
      .drain(deliverSpooled)
      .catch((error: Error) => log.warn({ error: error.message, ...spool.state() }, 'spool.interrupted'))
      .finally(() => {
        running = undefined
      })
  }
  const timer = setInterval(look, LOOK_EVERY_MS)

  return {
    /** Finishes the callback that is being delivered, and stops. Safe to call twice. */
    close: async (): Promise<void> => {
      closing = true
      clearInterval(timer)
      await running
    },
  }
}
