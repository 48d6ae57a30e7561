import { StemError } from '@stems/domain/errors'
import { publicLink } from '@stems/domain/link'
import { ProviderApiError } from '@stems/provider/api-error'
import type { ProviderApi } from '@stems/provider/provider-api'
import type { StemJob } from '@stems/queue/jobs'

/**
 * A link that may live in place of those that have died.
 *
 * @param dead all links of the stem, the one that was tried first before the others
 * @param why what became of the last of them
 * @throws {StemError} when there is none (`never`), or the provider cannot be asked now (`later`)
 */
export type FreshLink = (stem: Pick<StemJob, 'taskId' | 'stem'>, dead: string[], why: StemError) => Promise<string>

/**
 * Asks the provider itself for a stem's link: first to have the dead one signed anew, then for its record of the task. Its
 * answer needs no comparison with the record, but its host is judged like any other.
 *
 * @param api where there is none, the answer is that somebody could configure it
 */
export const createFreshLink = (api: Pick<ProviderApi, 'freshLink' | 'readRecord'> | undefined): FreshLink => {
  if (!api) {
    return (_stem, _dead, { code, message }) =>
      Promise.reject(new StemError(code, 'never', `${message} ${WITHOUT_API}`))
  }

  const fromDeadLink = async (dead: string[]): Promise<string | undefined> => {
    for (const link of dead) {
      const fresh = await api.freshLink(link)
      if (fresh !== undefined && !dead.includes(fresh)) return fresh
    }
    return undefined
  }

  const fromRecord = async (taskId: string, stem: string, dead: string[]): Promise<string | undefined> => {
    const record = await api.readRecord(taskId)
    if (record.state === 'pending') {
      throw new ProviderApiError('unavailable', "the provider's record of this task is not done yet")
    }
    if (record.state !== 'done') return undefined
    const places = new Set(dead.map(publicLink))
    const own = record.links.filter((link) => link.stem === stem)
    const same = record.links.filter(({ url }) => places.has(publicLink(url)))
    return [...own, ...same].map(({ url }) => url).find((url) => !dead.includes(url))
  }

  return async ({ taskId, stem }, dead, why) => {
    let unanswered: unknown
    for (const ask of [() => fromDeadLink(dead), () => fromRecord(taskId, stem, dead)]) {
      try {
        const link = await ask()
        if (link !== undefined) return link
      } catch (error) {
        if (isFinal(error)) throw new StemError('gone', 'never', `${why.message} ${inWords(error)}`, { cause: error })
        unanswered ??= error
      }
    }
    if (unanswered === undefined) throw new StemError('gone', 'never', `${why.message} ${NO_OTHER}`)
    const { message, retryAfterMs } = unanswered as Error & { retryAfterMs?: number }
    throw new StemError(
      'unavailable',
      'later',
      `${why.message} A fresh link could not be asked for: ${withStop(message)}`,
      {
        cause: unanswered,
        retryAfterMs,
      },
    )
  }
}

const WITHOUT_API =
  'A fresh link can be asked for only with PROVIDER_API_URL and PROVIDER_API_KEY: set them and replay, or send the callback again.'

const NO_OTHER =
  'The provider was asked for a fresh link and has no other: the file is gone for good, unless a callback with another link comes.'

// What cannot be read may come from somebody on the way; what breaks a rule of ours will always do so.
// An empty account keeps nobody from asking for good.
const isFinal = (error: unknown): boolean =>
  error instanceof StemError ||
  (error instanceof ProviderApiError && (error.problem === 'bad_key' || error.problem === 'refused'))

const inWords = (error: unknown): string =>
  error instanceof ProviderApiError && error.problem === 'bad_key'
    ? `A fresh link could not be asked for: ${error.message}. Set a valid PROVIDER_API_KEY, restart the worker and replay.`
    : `A fresh link could not be asked for: ${withStop((error as Error).message)}`

const withStop = (message: string): string => message.replace(/\.?$/, '.')
