import { parseCallback, UnknownShapeError } from '@stems/provider/callback'
import { withDeadline } from '@stems/queue/deadline'
import type { PurchaseBook } from '@stems/queue/purchases'
import type { Quarantine } from '@stems/queue/quarantine'
import { QuarantineFullError } from '@stems/queue/quarantine-bounds'
import type { SubmitAnswer, Submitter } from '@stems/queue/submit'
import type { Spool, SpoolEntry } from '@stems/store/spool'
import type { Log } from '@stems/telemetry/log'

const KEEP_DEADLINE_MS = 1900 // the answer leaves within 2 s, whoever keeps the callback

/** How a callback is kept: in Redis, or on disk until Redis is back. */
export type Kept = SubmitAnswer | 'quarantined' | 'spooled'

export type DeliveryOptions = {
  submitter: Pick<Submitter, 'submit'>
  quarantine: Pick<Quarantine, 'keep'>
  /** Told of a callback that answers a purchase of ours. */
  purchases: Pick<PurchaseBook, 'settle'>
}

/**
 * Gives a verified callback to Redis: as a separation, or to the quarantine where its shape is unknown.
 *
 * @returns a function that throws when Redis does not acknowledge, or when the quarantine is full
 */
export const createDelivery =
  ({ submitter, quarantine, purchases }: DeliveryOptions) =>
  async ({ payload, purchase, traceparent: _, ...callback }: SpoolEntry): Promise<SubmitAnswer | 'quarantined'> => {
    try {
      const separation = parseCallback(payload, callback.receivedAt)
      const answer = await submitter.submit(callback.isUnproven ? { ...separation, isUnproven: true } : separation)
      // Only what a purchase is remembered by: nothing of the separation depends on it.
      if (purchase !== undefined) await purchases.settle(purchase, callback.taskId).catch(() => {})
      return answer
    } catch (error) {
      if (!(error instanceof UnknownShapeError)) throw error
      await quarantine.keep({ ...callback, reason: error.message, payload })
      return 'quarantined'
    }
  }

export type Deliver = ReturnType<typeof createDelivery>

/**
 * Keeps a verified callback, whatever Redis does: when it cannot be delivered, it goes to the spool.
 *
 * @returns a function that throws when the spool cannot take it either
 */
export const createKeep =
  ({ deliver, spool, log }: { deliver: Deliver; spool: Spool; log: Log }) =>
  async (entry: SpoolEntry): Promise<Kept> => {
    const startedAt = performance.now()
    try {
      return await deliver(entry)
    } catch (error) {
      if (error instanceof QuarantineFullError) throw error // a full quarantine is no reason to fill the spool
      log.debug({ taskId: entry.taskId, error: (error as Error).message }, 'callback.to_spool')
      const leftMs = KEEP_DEADLINE_MS - (performance.now() - startedAt)
      await withDeadline('the spool', leftMs, () => spool.put(entry))
      return 'spooled'
    }
  }

export type Keep = ReturnType<typeof createKeep>
