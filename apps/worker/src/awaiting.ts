import type { Separation } from '@stems/domain/separation'
import { ProviderApiError } from '@stems/provider/api-error'
import { type ReadRecord, separationOfRecord } from '@stems/provider/record-info'
import type { Awaiting, Told } from '@stems/queue/awaiting'
import type { Log } from '@stems/telemetry/log'

export type AwaitingOptions = {
  /** Where there is none, nobody can be asked: only the callback, or the end of the wait, ends it. */
  readRecord: ReadRecord | undefined
  everyMs: number
  /** A task that has come to no end for this long is given up. */
  maxAgeMs: number
  /** A task that the provider has not known for this long is one that nobody has ever bought; what it names is then all. */
  unknownMs: number
  log: Log
  now?: () => number
}

/** Finds out what became of tasks whose callbacks have not come. */
export const createAwaiting = ({
  readRecord,
  everyMs,
  maxAgeMs,
  unknownMs,
  log,
  now = Date.now,
}: AwaitingOptions): Awaiting => {
  const askProvider = async (taskId: string, ageMs: number): Promise<Told & { state: string }> => {
    if (!readRecord) return { kind: 'pending', state: 'unasked', problem: NOBODY_TO_ASK }
    try {
      const record = await readRecord(taskId)
      const separation = separationOfRecord(taskId, record, new Date(now()).toISOString())
      const isWhole = record.state !== 'done' || !record.mayGrow || ageMs >= unknownMs
      if (separation && isWhole) return { kind: 'told', state: record.state, separation }
      const problem = record.state === 'unknown' ? 'the provider knows no task of this id (yet)' : undefined
      return { kind: 'pending', state: record.state, ...(problem ? { problem } : {}) }
    } catch (error) {
      const { message } = error as Error
      if (!(error instanceof ProviderApiError)) log.debug({ taskId, error: message }, 'expected.not_asked')
      return { kind: 'pending', state: 'unasked', problem: message }
    }
  }

  let asking = 0
  const ask = async (taskId: string, since: string): Promise<Told> => {
    if (asking >= MOST_AT_ONCE) return { kind: 'busy' }
    asking++
    try {
      return await askInTurn(taskId, since)
    } finally {
      asking--
    }
  }

  const askInTurn = async (taskId: string, since: string): Promise<Told> => {
    const ageMs = now() - Date.parse(since)
    const told = await askProvider(taskId, ageMs)
    log.info(
      { taskId, state: told.state, problem: told.kind === 'pending' ? told.problem : undefined },
      'expected.asked',
    )
    if (told.kind !== 'pending') return told
    if (told.state === 'unknown' && ageMs >= unknownMs) {
      return over(taskId, since, 404, 'the provider knows no task of this id, and no callback has come')
    }
    if (ageMs < maxAgeMs) return told
    const why = told.problem ?? 'the provider says that it is still at work'
    return over(taskId, since, 408, `no callback has come for ${inWords(maxAgeMs)}, and ${why}`)
  }

  return { everyMs, ask }
}

// Each holds a place among the separations that this worker drives, and may wait long for its turn: callbacks need places too.
const MOST_AT_ONCE = 4

const NOBODY_TO_ASK = 'nobody can be asked: PROVIDER_API_URL and PROVIDER_API_KEY are not set'

const over = (taskId: string, since: string, code: number, why: string): Told => {
  const msg = `given up: ${why}. A callback that comes later is taken all the same; a replay asks once more.`
  const separation: Separation = { taskId, type: 'unknown', code, msg, receivedAt: since, stems: [] }
  return { kind: 'over', separation }
}

const inWords = (ms: number): string => (ms < 3600_000 ? `${ms / 1000} s` : `${Math.round(ms / 3600_000)} h`)
