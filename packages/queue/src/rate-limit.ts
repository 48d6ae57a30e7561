import { setTimeout as sleep } from 'node:timers/promises'
import pLimit, { type LimitFunction } from 'p-limit'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { RedisConnection } from './redis.ts'

export type RateLimitOptions = {
  /** A fail-fast connection; the caller closes it. */
  redis: RedisConnection
  prefix: string
  /** Requests that one window allows, over all processes. */
  perSecond: number
  /** For tests. */
  windowSeconds?: number | undefined
  /** Replaces the timer in tests. */
  wait?: ((ms: number, signal?: AbortSignal) => Promise<unknown>) | undefined
}

export type AcquireOptions = {
  /** Called before each try, so that what it throws ends the wait. */
  check?: () => Promise<void>
  onWait?: () => void
  /** Ends the wait for the next window early. */
  signal?: AbortSignal
}

/**
 * Limits requests per second over all processes, in fixed windows: any second touches at most two of them, so that at most
 * twice as many requests fall into it. While Redis is disconnected, each process counts by itself.
 *
 * @returns waits until a request to what is named may be sent, first come, first served in this process
 */
export const createRateLimit = ({ redis, prefix, perSecond, windowSeconds = 1, wait = endEarly }: RateLimitOptions) => {
  const window = { points: perSecond, duration: windowSeconds }
  const limiter = new RateLimiterRedis({
    ...window,
    storeClient: redis,
    keyPrefix: `${prefix}:rate`,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(window),
  })
  const queues = new Map<string, LimitFunction>()

  const tryUntilAcquired = async (name: string, { check, onWait, signal }: AcquireOptions): Promise<void> => {
    for (;;) {
      await check?.()
      const refused = await limiter.consume(name).then(() => undefined, readRefusal)
      if (!refused) return
      onWait?.()
      await wait(Math.max(1, refused.msBeforeNext), signal)
    }
  }

  return async (name: string, options: AcquireOptions = {}): Promise<void> => {
    const queue = queues.get(name) ?? pLimit(1)
    queues.set(name, queue)
    try {
      await queue(() => tryUntilAcquired(name, options))
    } finally {
      if (queue.pendingCount === 0) queues.delete(name)
    }
  }
}

export type RateLimit = ReturnType<typeof createRateLimit>

const endEarly = (ms: number, signal?: AbortSignal): Promise<unknown> =>
  sleep(ms, undefined, signal ? { signal } : {}).catch(() => {})

const readRefusal = (refusal: unknown): RateLimiterRes => {
  if (refusal instanceof RateLimiterRes) return refusal
  throw refusal
}

/** kie.ai allows a key ten requests in any second, and any second may touch two windows. */
export const PROVIDER_REQUESTS_PER_SECOND = 5

export type AskLimitOptions = Omit<RateLimitOptions, 'perSecond'>

/**
 * Limits the requests to the provider's API, over all processes.
 *
 * @returns waits until a request may be sent
 */
export const createAskLimit = (options: AskLimitOptions): (() => Promise<void>) => {
  const acquire = createRateLimit({ ...options, perSecond: PROVIDER_REQUESTS_PER_SECOND })
  return () => acquire('provider-api')
}
