import type { QueueCounter } from './counts.ts'
import { minuteKeys, WINDOW_MINUTES, writeSample } from './minutes.ts'
import type { Log, RedisConnection } from './redis.ts'
import { tallyOf } from './tally.ts'

const LOOK_EVERY_MS = 5000

export type SamplesOptions = {
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  counter: Pick<QueueCounter, 'count'>
  log: Pick<Log, 'debug'>
}

/**
 * Notes once a minute what waits and runs, whoever of all processes comes first, and forgets what is older than the window.
 *
 * @returns a function that is to be called several times a minute; it throws when Redis is away
 */
export const createSampler = ({ redis, prefix, counter }: Omit<SamplesOptions, 'log'>) => {
  const keys = minuteKeys(prefix)
  return async (): Promise<void> => {
    const minute = (await redis.eval(TAKE_MINUTE, 2, keys.samples, keys.arrived, WINDOW_MINUTES)) as number | null
    if (minute === null) return
    const { separations, stems } = tallyOf(await counter.count())
    const sample = {
      waiting: separations.waiting + stems.waiting,
      running: stems.running,
      delayed: stems.delayed,
    }
    await redis.hset(keys.samples, `${minute}`, writeSample(sample))
  }
}

/** Samples for as long as the process lives. A minute in which Redis was away has no sample. */
export const startSamples = ({ log, ...options }: SamplesOptions) => {
  const sample = createSampler(options)
  let sampledAt = -1
  let running: Promise<void> | undefined

  const look = () => {
    const minute = Math.floor(Date.now() / 60_000)
    if (minute === sampledAt) return
    running ??= sample()
      .then(
        () => {
          sampledAt = minute
        },
        (error: Error) => log.debug({ error: error.message }, 'minutes.not_sampled'),
      )
      .finally(() => {
        running = undefined
      })
  }
  look()
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()

  return {
    /** Safe to call twice. */
    close: async (): Promise<void> => {
      clearInterval(timer)
      await running
    },
  }
}

// The minute is that of Redis' clock. Who takes it owes its sample; one that dies in between leaves it empty.
const TAKE_MINUTE = `
local minute = math.floor(redis.call('time')[1] / 60)
if redis.call('hsetnx', KEYS[1], string.format('%.0f', minute), '') == 0 then return nil end
for _, key in ipairs(KEYS) do
  for _, field in ipairs(redis.call('hkeys', key)) do
    if (tonumber(field) or 0) <= minute - ARGV[1] then redis.call('hdel', key, field) end
  end
  redis.call('expire', key, 2 * 60 * ARGV[1])
end
return minute
`
