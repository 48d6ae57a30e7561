import type { FailedStem, SavedStem, StemOutcome } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import type { Job } from 'bullmq'
import { readFailure } from './failure.ts'
import { parseStemJobKey, type SeparationJob, type SeparationResult, type StemResult } from './jobs.ts'

/**
 * How each stem of a separation ended, by its name. Of several runs the last one counts.
 *
 * @throws when Redis has forgotten a stem job: a master that was promoted may never have received it, so it is planned again
 */
export const collectOutcomes = async (
  job: Job<SeparationJob, SeparationResult>,
): Promise<ReadonlyMap<string, StemOutcome>> => {
  const { stems } = job.data.separation
  const urls = new Map(stems.map(({ name, url }) => [name, url]))
  const saved = Object.entries(await job.getChildrenValues<StemResult>()).map(([key, result]): [string, SavedStem] => [
    key,
    result.saved,
  ])
  const failed = Object.entries(await job.getIgnoredChildrenFailures()).map(([key, reason]): [string, FailedStem] => [
    key,
    { status: 'failed', source_url: urls.get(parseStemJobKey(key)?.stem ?? '') ?? '', error: readFailure(reason) },
  ])
  const ended = [...saved, ...failed].flatMap(([key, outcome]) => {
    const child = parseStemJobKey(key)
    return child ? [{ ...child, outcome }] : []
  })
  const outcomes = new Map(ended.toSorted((a, b) => a.run - b.run).map(({ stem, outcome }) => [stem, outcome]))
  const forgotten = stems.filter(({ name, url }) => url !== null && !outcomes.has(name))
  if (forgotten.length > 0) throw new Error(`Redis has forgotten ${forgotten.length} stem jobs that were planned`)
  return outcomes
}

/** The outcomes of a separation whose callback the provider's record does not confirm: nothing of it is downloaded. */
export const refuseAll = ({ stems }: Separation, mismatch: string): ReadonlyMap<string, StemOutcome> => {
  const message = `not fetched: ${mismatch}. The callback is in quarantine.`
  return new Map(
    stems.flatMap(({ name, url }): [string, FailedStem][] =>
      url === null ? [] : [[name, { status: 'failed', source_url: url, error: { code: 'unconfirmed', message } }]],
    ),
  )
}
