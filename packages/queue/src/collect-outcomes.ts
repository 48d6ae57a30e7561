import type { FailedStem, SavedStem, StemOutcome } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import type { Job } from 'bullmq'
import { readFailure } from './failure.ts'
import { parseStemJobKey, type SeparationJob, type SeparationResult, type StemResult } from './jobs.ts'

/** How stems ended, by name. */
export type Outcomes = ReadonlyMap<string, StemOutcome>

/**
 * How the stems of a separation ended. Of several runs the last one counts.
 *
 * @returns `missing`: the stems with a link whose job has not ended in this run
 */
export const collectOutcomes = async (
  job: Job<SeparationJob, SeparationResult>,
): Promise<{ outcomes: Outcomes; missing: string[] }> => {
  const { separation, run } = job.data
  const ended = isFirstStart(job) ? [] : await readEnded(job)
  const outcomes = new Map(ended.toSorted((a, b) => a.run - b.run).map(({ stem, outcome }) => [stem, outcome]))
  const inThisRun = new Set(ended.flatMap((child) => (child.run === run ? child.stem : [])))
  const linked = separation.stems.filter(({ url }) => url !== null).map(({ name }) => name)
  return { outcomes, missing: linked.filter((name) => !inThisRun.has(name)) }
}

/** Can no job of a stem have been added yet? */
export const isFirstStart = (job: Job): boolean => job.attemptsStarted === 1

const readEnded = async (job: Job<SeparationJob, SeparationResult>) => {
  const urls = new Map(job.data.separation.stems.map(({ name, url }) => [name, url]))
  const saved = Object.entries(await job.getChildrenValues<StemResult>()).map(([key, result]): [string, SavedStem] => [
    key,
    result.saved,
  ])
  const failed = Object.entries(await job.getIgnoredChildrenFailures()).map(([key, reason]): [string, FailedStem] => [
    key,
    { status: 'failed', source_url: urls.get(parseStemJobKey(key)?.stem ?? '') ?? '', error: readFailure(reason) },
  ])
  return [...saved, ...failed].flatMap(([key, outcome]) => {
    const child = parseStemJobKey(key)
    return child ? [{ ...child, outcome }] : []
  })
}

/** The outcomes of a separation whose callback the provider's record does not confirm: nothing of it is downloaded. */
export const refuseAll = ({ stems }: Separation, mismatch: string): Outcomes => {
  const message = `not fetched: ${mismatch}. The callback is in quarantine.`
  return new Map(
    stems.flatMap(({ name, url }): [string, FailedStem][] =>
      url === null ? [] : [[name, { status: 'failed', source_url: url, error: { code: 'unconfirmed', message } }]],
    ),
  )
}
