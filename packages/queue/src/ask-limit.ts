import { setTimeout as sleep } from 'node:timers/promises'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { RedisConnection } from './redis.ts'

/** The turns of all who ask the provider's API: kie.ai allows a key ten requests a second. */
export const PROVIDER_TURNS = { name: 'provider-api', perSecond: 8 } as const

export type AskLimitOptions = {
  /** A connection that fails fast; it stays the caller's to close. No other limiter may use it: they share a command. */
  redis: RedisConnection
  prefix: string
  /** Turns that are given in any one second, all processes taken together. */
  perSecond: number
  /** What is limited. Who gives the same name shares the turns. */
  name: string
  /** For tests. */
  windowSeconds?: number
  /** In place of a timer, for tests. */
  wait?: (ms: number, signal?: AbortSignal) => Promise<unknown>
}

/**
 * Gives turns, first come, first served in this process. While Redis is away, each process counts by itself.
 *
 * @returns waits for a turn; it rejects only when the signal is aborted, at the latest when its turn has come
 */
export const createAskLimit = ({
  redis,
  prefix,
  perSecond,
  name,
  windowSeconds = 1,
  wait = (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}),
}: AskLimitOptions) => {
  const window = { points: perSecond, duration: windowSeconds }
  const limiter = new RateLimiterRedis({
    ...window,
    storeClient: redis,
    keyPrefix: `${prefix}:turns`,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(window),
    customIncrTtlLuaScript: SLIDING_WINDOW,
  })

  const take = async (signal?: AbortSignal): Promise<void> => {
    for (;;) {
      signal?.throwIfAborted()
      const refused = await limiter.consume(name).then(() => undefined, readRefusal)
      if (!refused) return
      await wait(Math.max(1, refused.msBeforeNext), signal)
    }
  }

  let last: Promise<void> = Promise.resolve()
  return (signal?: AbortSignal): Promise<void> => {
    const turn = last.then(() => take(signal))
    last = turn.catch(() => {})
    return turn
  }
}

export type AskLimit = ReturnType<typeof createAskLimit>

const readRefusal = (refusal: unknown): RateLimiterRes => {
  if (refusal instanceof RateLimiterRes) return refusal
  throw refusal
}

// The library's own script counts by fixed windows: at the turn from one to the next it lets twice as many pass within a
// second, more than the provider allows. This one, in its place, remembers when each turn was given, by Redis' clock.
// It answers as that one does: how many points are used up, and for how many milliseconds.
const SLIDING_WINDOW = `
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local window = ARGV[2] * 1000000
local most = tonumber(ARGV[3])
redis.call('zremrangebyscore', KEYS[1], '-inf', now - window)
local used = redis.call('zcard', KEYS[1])
if used < most then
  redis.call('zadd', KEYS[1], now, string.format('%.0f-%d', now, used))
  redis.call('pexpire', KEYS[1], window / 1000)
  return {used + 1, window / 1000}
end
local first = redis.call('zrange', KEYS[1], 0, 0, 'withscores')
return {most + 1, math.ceil((first[2] + window - now) / 1000)}
`
