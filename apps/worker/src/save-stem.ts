import { BlockedUrlError, BusyHostError, StemError } from '@stems/domain/errors'
import { publicLink } from '@stems/domain/link'
import type { SavedStem } from '@stems/domain/manifest'
import type { HostLimit } from '@stems/queue/host-limit'
import type { StemJob } from '@stems/queue/jobs'
import type { Attempt } from '@stems/queue/stems-worker'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { identifyAudio } from './audio-check.ts'
import type { DownloadFile } from './download.ts'
import type { FreshLink } from './fresh-link.ts'
import type { WorkerMetrics } from './metrics.ts'
import { createNoticeBlocked } from './notice-blocked.ts'

export type SaveStemOptions = {
  store: StemStore
  download: DownloadFile
  hostLimit: HostLimit
  /** Asked once in an attempt, when no link of the stem lives and none may come back to life. */
  freshLink: FreshLink
  metrics: WorkerMetrics
  log: Log
}

/**
 * Brings one stem home: stored already? download, check, publish; where its links are dead, by a fresh one. Safe to repeat at
 * any point.
 *
 * @throws {StemError} from what it returns
 */
export const createSaveStem = ({ store, download, hostLimit, freshLink, metrics, log }: SaveStemOptions) => {
  const noticeBlocked = createNoticeBlocked({ metrics, log })

  const fetchStem = async ({ taskId, stem, url }: StemJob, attempt: Attempt): Promise<SavedStem> => {
    await hostLimit.acquire(url, attempt)
    const part = await store.createPart(taskId, stem)
    try {
      const { bytes, sha256 } = await download(url, part, attempt)
      const { extension, contentType } = await identifyAudio(part.path)
      const file = await part.publish(extension)
      if (file === undefined) {
        await part.discard()
        return await savedByAnother({ taskId, stem, url })
      }
      const savedAt = new Date().toISOString()
      metrics.bytes.inc(bytes)
      return { status: 'saved', file, bytes, sha256, content_type: contentType, source_url: url, saved_at: savedAt }
    } catch (error) {
      if (error instanceof BlockedUrlError) noticeBlocked(error, { taskId, stem })
      if (error instanceof BusyHostError) {
        // The host of the link too: it would lead the next stem there again.
        await hostLimit.pause([new URL(url).host, error.host], error.retryAfterMs || attempt.busyBackoffMs)
      }
      await (canGoOn(error) ? part.leave() : part.discard())
      throw error
    }
  }

  // Several callbacks may have given several links, forged ones among them. No link can keep the others from being tried.
  const fetchByAnyLink = async (job: StemJob, attempt: Attempt): Promise<SavedStem> => {
    const failures: StemError[] = []
    for (const url of [job.url, ...(job.otherUrls ?? [])]) {
      try {
        return await fetchStem({ ...job, url }, attempt)
      } catch (error) {
        if (attempt.signal.aborted) throw error
        if (!isOfThisLink(error)) throw error
        failures.push(error)
        if (job.otherUrls) log.info({ taskId: job.taskId, stem: job.stem, reason: error.message }, 'stem.link_failed')
      }
    }
    const failure = mostHopeful(failures)
    if (failure?.verdict !== 'refresh-url') throw failure
    return fetchByFreshLink(job, attempt, failure)
  }

  // Links die after a while, files live for 14 days. The provider is asked once: a fresh link that is dead as well is the end.
  const fetchByFreshLink = async (job: StemJob, attempt: Attempt, why: StemError): Promise<SavedStem> => {
    const { taskId, stem } = job
    const url = await freshLink(job, [job.url, ...(job.otherUrls ?? [])], why)
    log.info({ taskId, stem, url: publicLink(url), reason: why.message }, 'stem.link_refreshed')
    if (attempt.signal.aborted) throw new StemError('interrupted', 'later', 'the download was interrupted.')
    try {
      return await fetchStem({ ...job, url }, attempt)
    } catch (error) {
      if (!(error instanceof StemError) || error.verdict !== 'refresh-url') throw error
      throw new StemError('gone', 'never', `${DEAD_TOO} ${error.message}`, { cause: error })
    }
  }

  const savedByAnother = async (job: StemPlace): Promise<SavedStem> => {
    const saved = await savedBefore(job)
    if (!saved) throw new StemError('interrupted', 'later', 'the stem appeared and vanished while it was being saved.')
    return saved
  }

  // A crash may have come between publishing and recording; a replay asks for stems that are home. Neither downloads
  // again, unless the bytes are no longer those that the manifest vouches for.
  const savedBefore = async ({ taskId, stem, url }: StemPlace): Promise<SavedStem | undefined> => {
    const found = await store.find(taskId, stem)
    if (!found) return undefined
    const recorded = (await store.readManifest(taskId))?.stems[stem]
    if (recorded?.status === 'saved' && recorded.file === found.file) {
      if (recorded.sha256 === found.sha256) return recorded
      log.warn({ taskId, stem, file: found.file }, 'stem.damaged: fetching it again')
      await store.remove(taskId, found.file)
      return undefined
    }
    return {
      status: 'saved',
      file: found.file,
      bytes: found.bytes,
      sha256: found.sha256,
      content_type: found.contentType,
      source_url: url,
      saved_at: found.savedAt,
    }
  }

  return async (job: StemJob, attempt: Attempt): Promise<SavedStem> => {
    const startedAt = performance.now()
    const report = (outcome: string, details: object) => {
      const ms = Math.round(performance.now() - startedAt)
      metrics.attempts.inc({ outcome })
      log.info(
        { taskId: job.taskId, stem: job.stem, attempt: attempt.number, ms, outcome, ...details },
        'stem.attempted',
      )
    }
    try {
      const before = await savedBefore(job)
      const saved = before ?? (await fetchByAnyLink(job, attempt))
      report(before ? 'already_saved' : 'saved', { bytes: saved.bytes })
      return saved
    } catch (error) {
      if (error instanceof BusyHostError && error.reason === 'pause') throw error // no attempt was made
      const code = error instanceof StemError ? error.code : 'unexpected'
      report(code, { error: (error as Error).message })
      throw error
    }
  }
}

type StemPlace = Pick<StemJob, 'taskId' | 'stem' | 'url'>

const DEAD_TOO =
  'its links are dead, and the fresh one that the provider gave is dead as well: the file is gone for good.'

// What has come so far is left for the next attempt, unless there is none, or the disk is what failed.
const canGoOn = (error: unknown): boolean =>
  error instanceof StemError && error.verdict === 'later' && error.code !== 'store'

const isOfThisLink = (error: unknown): error is StemError =>
  error instanceof StemError && !['store', 'interrupted'].includes(error.code)

// The next attempt tries all links again, so the one that may serve soonest says when, and whether there is one.
const mostHopeful = (failures: StemError[]): StemError | undefined =>
  failures.toSorted((a, b) => hopelessness(a) - hopelessness(b) || (a.retryAfterMs ?? 0) - (b.retryAfterMs ?? 0))[0]

// A host that is only busy spends no attempt, so that it counts for more than one that failed.
const hopelessness = (failure: StemError): number =>
  failure instanceof BusyHostError ? -1 : ['later', 'refresh-url', 'never'].indexOf(failure.verdict)
