import { KEPT_DAYS } from '@stems/domain/file-deadline'
import type { Separation } from '@stems/domain/separation'
import { ProviderApiError } from '@stems/provider/api-error'
import { type ReadRecord, separationOfRecord } from '@stems/provider/record-info'
import type { Awaiting, Told } from '@stems/queue/awaiting'
import type { Awaited } from '@stems/queue/jobs'
import type { Log } from '@stems/telemetry/log'

export type AwaitingOptions = {
  /** Where there is none, nobody can be asked: only the callback, or the end of the wait, ends it. */
  readRecord: ReadRecord | undefined
  everyMs: number
  /** A task that has come to no end for this long is given up. */
  maxAgeMs: number
  /** A task that the provider has not known for this long is one that nobody has ever bought. */
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
  const askProvider = async (taskId: string, ageMs: number): Promise<Answer> => {
    if (!readRecord) return { kind: 'pending', state: 'nobody', problem: NOBODY_TO_ASK }
    try {
      const record = await readRecord(taskId)
      const separation = separationOfRecord(taskId, record, new Date(now()).toISOString())
      const isWhole = record.state !== 'done' || !record.mayGrow || ageMs >= maxAgeMs
      if (separation && isWhole) return { kind: 'told', state: record.state, separation }
      if (record.state === 'unknown') return { kind: 'pending', state: 'unknown', problem: UNKNOWN, isUnknown: true }
      return { kind: 'pending', state: record.state }
    } catch (error) {
      const { message } = error as Error
      if (!(error instanceof ProviderApiError)) log.debug({ taskId, error: message }, 'expected.not_asked')
      return { kind: 'pending', state: 'unanswered', problem: message }
    }
  }

  let asking = 0
  const ask = async (taskId: string, awaited: Awaited): Promise<Told> => {
    if (asking >= MOST_AT_ONCE) return { kind: 'busy' }
    asking++
    try {
      return await askInTurn(taskId, awaited)
    } finally {
      asking--
    }
  }

  const askInTurn = async (taskId: string, { since, unknownSince }: Awaited): Promise<Told> => {
    const ageMs = now() - Date.parse(since)
    const { state, ...told } = await askProvider(taskId, ageMs)
    if (told.kind !== 'pending') {
      log.info({ taskId, state }, 'expected.asked')
      return told
    }
    log.info({ taskId, state, problem: told.problem }, 'expected.asked')
    if (state === 'unknown') {
      const isUnknownForLong = unknownSince !== undefined && now() - Date.parse(unknownSince) >= unknownMs
      return isUnknownForLong || unknownMs === 0 ? over(taskId, since, 404, UNKNOWN_FOR_GOOD) : told
    }
    // After an outage of any length the provider must have been heard once before a task is given up.
    const longest = state === 'unanswered' ? LONGEST_MS : maxAgeMs
    if (ageMs < longest) return told
    const why = told.problem ?? 'the provider says that it is still at work'
    return over(taskId, since, 408, `no callback has come for ${inWords(longest)}, and ${why}`)
  }

  return { everyMs, canAsk: readRecord !== undefined, ask }
}

type Answer = Exclude<Told, { kind: 'busy' | 'over' }> & { state: string }

const LONGEST_MS = KEPT_DAYS * 24 * 3600_000 // then its files are deleted

// Each holds a place among the separations that this worker drives, and may wait long for its turn: callbacks need places too.
const MOST_AT_ONCE = 4

const NOBODY_TO_ASK = 'nobody can be asked: PROVIDER_API_URL and PROVIDER_API_KEY are not set'

const UNKNOWN = 'the provider knows no task of this id (yet)'
const UNKNOWN_FOR_GOOD = 'the provider knows no task of this id, and no callback has come'

const over = (taskId: string, since: string, code: number, why: string): Told => {
  const msg = `given up: ${why}. A callback that comes later is taken all the same; a replay asks once more.`
  const separation: Separation = { taskId, type: 'unknown', code, msg, receivedAt: since, stems: [] }
  return { kind: 'over', separation }
}

const inWords = (ms: number): string => (ms < 3600_000 ? `${ms / 1000} s` : `${Math.round(ms / 3600_000)} h`)
