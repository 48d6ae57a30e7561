import { BusyHostError, StemError } from '@stems/domain/errors'
import type { RateLimit } from './rate-limit.ts'
import type { Log, RedisConnection } from './redis.ts'

/** Why a request to a host is not sent yet: the host is paused, or it gets as many requests per second as it may. */
export const HOST_LIMIT_REASONS = ['pause', 'rate'] as const
export type HostLimitReason = (typeof HOST_LIMIT_REASONS)[number]

export type HostLimitOptions = {
  /** A fail-fast connection; the caller closes it. */
  redis: RedisConnection
  prefix: string
  /** Limits the requests per second to each host; without it there is no such limit. */
  rateLimit?: RateLimit | undefined
  onRefused?: ((reason: HostLimitReason) => void) | undefined
  log: Log
}

/** What is known of the attempt that the request is for: `leftMs` until the provider deletes the file. */
export type AttemptFacts = { leftMs: number; signal: AbortSignal; progress: (bytes: number, total: null) => void }

const LONGEST_PAUSE_MS = 3600_000

// The stems of a separation start together: that their host is not paused is asked once for all.
const UNPAUSED_FOR_MS = 200

/**
 * Decides for all workers together when the hosts of files may be asked: not while they are paused, and no more often than the
 * rate limit allows. While Redis is disconnected, no host is paused and each process limits its own requests.
 */
export const createHostLimit = ({ redis, prefix, rateLimit, onRefused = () => {}, log }: HostLimitOptions) => {
  const keyOf = (host: string): string => `${prefix}:host:${host}:paused`
  const reportRefusedCommand = (error: Error): void => {
    if (error.name === 'ReplyError') log.warn({ error: error.message }, 'host_limit.failed')
  }
  /** Hosts that are being asked about, or were not paused a moment ago. */
  const known = new Map<string, Promise<number>>()

  const readPauseMs = async (host: string): Promise<number> => {
    const pauseMs = (await redis.pttl(keyOf(host)).catch(reportRefusedCommand)) ?? 0
    if (pauseMs > 0) known.delete(host)
    else setTimeout(() => known.delete(host), UNPAUSED_FOR_MS).unref()
    return pauseMs
  }

  return {
    /**
     * Waits until a request to the host of a link may be sent. The stem keeps its place in the worker while it waits for a slot:
     * back in the queue it would lose its order among the others. The target of a redirect is not looked at.
     *
     * @throws {BusyHostError} when the host is paused, though not for longer than the file lives
     */
    acquire: async (link: string, { leftMs, signal, progress }: AttemptFacts): Promise<void> => {
      const host = hostOf(link)
      const check = async (): Promise<void> => {
        if (signal.aborted) throw new StemError('interrupted', 'later', 'the wait for the host was interrupted.')
        const asked = known.get(host) ?? readPauseMs(host)
        known.set(host, asked)
        const pauseMs = await asked
        if (pauseMs <= 0 || pauseMs >= leftMs) return
        onRefused('pause')
        throw new BusyHostError('pause', host, pauseMs)
      }
      const onWait = (): void => {
        onRefused('rate')
        progress(0, null) // a worker that waits is not stuck
      }
      await (rateLimit ? rateLimit(host, { check, onWait, signal }) : check())
    },

    /** Pauses hosts for all workers. A pause never gets shorter: the key's time to live is the pause. */
    pause: async (hosts: string[], ms: number): Promise<void> => {
      const pauseMs = Math.ceil(Math.min(ms, LONGEST_PAUSE_MS))
      for (const host of new Set(hosts.map(withoutTrailingDot))) {
        const key = keyOf(host)
        // Redis runs both in this order: the first begins a pause, the second prolongs one that was there.
        const commands = [redis.set(key, '', 'PX', pauseMs, 'NX'), redis.pexpire(key, pauseMs, 'GT')]
        await Promise.all(commands).catch(reportRefusedCommand)
        known.delete(host)
        log.info({ host, ms: pauseMs }, 'host.paused')
      }
    },
  }
}

export type HostLimit = ReturnType<typeof createHostLimit>

// URL makes it lower case and removes the usual port.
const hostOf = (link: string): string => withoutTrailingDot(URL.parse(link)?.host ?? 'unknown')

const withoutTrailingDot = (host: string): string => host.replace(/\.(?=:|$)/, '')
