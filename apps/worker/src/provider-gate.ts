import { type ApiProblem, ProviderApiError } from '@stems/provider/api-error'
import type { Log } from '@stems/telemetry/log'

/** How long nobody asks after a passing problem that names no time of its own. */
const PAUSE_MS = { rate_limited: 2000, maintenance: 30_000 }
const LONGEST_PAUSE_MS = 15 * 60_000

/**
 * Keeps questions back that can only annoy the provider: all of them once it has refused the key, and all of them for a
 * while when it is under maintenance or asked too often.
 */
export const createProviderGate = ({
  log,
  now = Date.now,
}: {
  log: Pick<Log, 'error' | 'warn'>
  now?: () => number
}) => {
  let refusal: ProviderApiError | undefined
  let pause: { until: number; error: ProviderApiError } | undefined
  const ours = new WeakSet<ProviderApiError>() // else a pause would prolong itself with every question

  const notice = (error: ProviderApiError): void => {
    if (ours.has(error)) return
    if (error.problem === 'bad_key' && !refusal) {
      refusal = error
      log.error({ error: error.message }, `provider.bad_key: ${REMEDY}`)
    }
    const { problem, retryAfterMs = 0 } = error
    const pauseMs = Math.min(Math.max(isPassing(problem) ? PAUSE_MS[problem] : 0, retryAfterMs), LONGEST_PAUSE_MS)
    const until = now() + pauseMs
    if (pauseMs === 0 || (pause && pause.until >= until)) return
    if (!pause || pause.until <= now()) log.warn({ problem, pauseMs, error: error.message }, 'provider.paused')
    pause = { until, error }
  }

  const problem = (): string | undefined => refusal && `${refusal.message}. ${REMEDY}`

  return {
    /** @throws {ProviderApiError} when there is no use in asking: the same that was met when it was last asked */
    check: (): void => {
      if (refusal) throw refusal
      if (!pause) return
      const leftMs = pause.until - now()
      if (leftMs <= 0) return
      const { problem, message } = pause.error
      const error = new ProviderApiError(problem, message, { retryAfterMs: leftMs })
      ours.add(error)
      throw error
    },
    /** The same function, with its failures noticed. */
    watch:
      <A extends unknown[], R>(ask: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        try {
          return await ask(...args)
        } catch (error) {
          if (error instanceof ProviderApiError) notice(error)
          throw error
        }
      },
    /** Why the provider is not asked any more; `undefined` while it is. */
    problem,
    /** The same, and what keeps questions back for a while too. */
    trouble: (): string | undefined => {
      const pauseMs = pause ? pause.until - now() : 0
      return (
        problem() ??
        (pauseMs > 0 ? `${pause?.error.message}. It is asked again in ${Math.ceil(pauseMs / 1000)} s.` : undefined)
      )
    },
  }
}

export type ProviderGate = ReturnType<typeof createProviderGate>

const isPassing = (problem: ApiProblem): problem is keyof typeof PAUSE_MS => Object.hasOwn(PAUSE_MS, problem)

const REMEDY = 'nothing more is asked of it. Set a valid PROVIDER_API_KEY and restart.'
