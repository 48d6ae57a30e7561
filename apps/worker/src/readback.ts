import { hasLinks, type Separation } from '@stems/domain/separation'
import { objectionTo, suspicionOf } from '@stems/provider/confirm-links'
import type { ReadRecord } from '@stems/provider/record-info'
import type { Confirm, Readback } from '@stems/queue/adoption'
import type { Log } from '@stems/telemetry/log'

// A record may lag behind its callback; one that lags this long belongs to a callback that nobody should have sent.
const LONGEST_LAG_MS = 3600_000

export type ReadbackMode = 'off' | 'suspicious' | 'always'

export type ReadbackOptions = {
  mode: ReadbackMode
  /** Needed where the mode is not `off`. */
  readRecord: ReadRecord | undefined
  setAside: Readback['setAside']
  log: Log
}

/**
 * Compares callbacks with what the provider itself says of their tasks. The signature does not cover the links, and a token
 * says nothing of them either: who has learned one could make us save anything that lies on an allowed host.
 *
 * @returns `undefined` where every callback is believed. `confirm` throws when the provider does not tell; the separation is
 * then tried again later.
 */
export const createReadback = ({ mode, readRecord, setAside, log }: ReadbackOptions): Readback | undefined => {
  if (mode === 'off' || !readRecord) return undefined
  const confirm: Confirm = async (separation, known) => {
    if (!hasLinks(separation)) return undefined // there is nothing to fetch
    const suspicion = suspicionOf(separation, known)
    if (mode === 'suspicious' && suspicion === undefined) return undefined
    const { taskId } = separation
    const objection = await compare(separation, readRecord)
    if (objection === undefined) log.info({ taskId, suspicion }, 'readback.confirmed')
    else log.warn({ taskId, suspicion, objection }, 'readback.refused: the callback is in quarantine')
    return objection
  }
  return { confirm, setAside }
}

const compare = async (separation: Separation, readRecord: ReadRecord): Promise<string | undefined> => {
  const record = await readRecord(separation.taskId)
  if (record.state !== 'pending') return objectionTo(separation, record)
  if (Date.now() - Date.parse(separation.receivedAt) > LONGEST_LAG_MS)
    return 'the provider says that it is not done yet'
  throw new Error("the provider's record does not know the result yet, though the callback says that it is done")
}
