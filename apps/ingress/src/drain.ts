import { QuarantineFullError } from '@stems/queue/quarantine'
import type { Spool, SpoolEntry } from '@stems/store/spool'
import type { Log } from '@stems/telemetry/log'
import type { Deliver } from './keep.ts'

const LOOK_EVERY_MS = 500
const FAILURES_PER_PASS = 10

export type DrainOptions = { spool: Spool; deliver: Deliver; isReady: () => boolean; log: Log }

/** Delivers what the spool holds, oldest first, whenever Redis is there. */
export const startDrain = ({ spool, deliver, isReady, log }: DrainOptions) => {
  let running: Promise<void> | undefined

  // One that cannot be delivered now must not hold up those behind it; a Redis that is away must end the pass.
  const createPass = () => {
    let failures = 0
    return async (entry: SpoolEntry): Promise<boolean> => {
      try {
        const answer = await deliver(entry)
        log.info({ taskId: entry.taskId, answer, receivedAt: entry.receivedAt }, 'spool.delivered')
        return true
      } catch (error) {
        if (error instanceof QuarantineFullError) return false
        failures++
        if (failures === FAILURES_PER_PASS || !isReady()) throw error
        return false
      }
    }
  }

  const look = () => {
    if (running || !isReady() || spool.state().files === 0) return
    running = spool
      .drain(createPass())
      .catch((error: Error) => log.warn({ error: error.message, ...spool.state() }, 'spool.interrupted'))
      .finally(() => {
        running = undefined
      })
  }
  const timer = setInterval(look, LOOK_EVERY_MS)

  return {
    /** Finishes the callback that is being delivered, and stops. Safe to call twice. */
    close: async (): Promise<void> => {
      clearInterval(timer)
      await running
    },
  }
}
