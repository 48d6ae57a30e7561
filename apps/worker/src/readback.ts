import { hasLinks, type Separation } from '@stems/domain/separation'
import { objectionTo, suspicionOf } from '@stems/provider/confirm-links'
import type { ProviderRecord, ReadRecord } from '@stems/provider/record-info'
import type { Confirm, Readback } from '@stems/queue/adoption'
import type { Log } from '@stems/telemetry/log'

export type ReadbackOptions = {
  mode: 'off' | Readback['mode']
  /** A record may lag behind its callback; one that lags this long belongs to a callback that nobody should have sent. */
  patienceMs: number
  /** Needed where the mode is not `off`. */
  readRecord: ReadRecord | undefined
  setAside: Readback['setAside']
  log: Log
}

/**
 * Compares callbacks with what the provider itself says of their tasks. The signature does not cover the links, and a token
 * says nothing of them either: who has learned one could make us save anything that lies on an allowed host.
 *
 * @returns `undefined` where every callback is believed. Its judges throw when the provider does not tell; the separation is
 * then tried again later.
 */
export const createReadback = ({
  mode,
  patienceMs,
  readRecord,
  setAside,
  log,
}: ReadbackOptions): Readback | undefined => {
  if (mode === 'off' || !readRecord) return undefined
  const judgeOf = (taskId: string): Confirm => {
    let reading: Promise<ProviderRecord> | undefined
    return async (separation, known) => {
      if (!hasLinks(separation)) return undefined // there is nothing to fetch
      const suspicion = suspicionOf(separation, known)
      if (mode === 'suspicious' && suspicion === undefined) return undefined
      reading ??= readRecord(taskId)
      const objection = compare(separation, await reading, patienceMs)
      if (objection === undefined) log.info({ taskId, suspicion }, 'readback.confirmed')
      else log.warn({ taskId, suspicion, objection }, 'readback.refused: the callback is in quarantine')
      return objection
    }
  }
  return { mode, judgeOf, setAside }
}

const compare = (separation: Separation, record: ProviderRecord, patienceMs: number): string | undefined => {
  const ageMs = Date.now() - Date.parse(separation.receivedAt)
  if (record.state === 'done' || record.state === 'failed') return objectionTo(separation, record)
  if (ageMs < patienceMs) {
    throw new Error(`the provider's record of this task is ${record.state}, though the callback says that it is done`)
  }
  return objectionTo(separation, record)
}
