import { randomUUID } from 'node:crypto'
import { LEAVE, PAUSE, RELEASE, RENEW, TAKE } from './host-limit-scripts.ts'
import type { Log, RedisConnection } from './redis.ts'
import { defineScript } from './script.ts'

/**
 * Why there is no turn. `pause`: the host wants to be left alone. `connections`: as many are open as may be. `rate`: as many
 * requests were sent as may be. `order`: others were there before.
 */
export const NO_TURN_REASONS = ['pause', 'connections', 'rate', 'order'] as const
export type NoTurnReason = (typeof NO_TURN_REASONS)[number]

/** A host may not be asked now. Nobody has done anything wrong. */
export class NoTurnError extends Error {
  readonly host: string
  readonly reason: NoTurnReason
  /** When to ask again, in milliseconds. */
  readonly waitMs: number
  /** Other links were tried in vain, and are not to be tried again at once. */
  readonly hasAskedOthers: boolean

  constructor(host: string, reason: NoTurnReason, waitMs: number, hasAskedOthers = false) {
    super(`${host} is not asked yet: ${WORDS[reason]}.`)
    this.name = 'NoTurnError'
    this.host = host
    this.reason = reason
    this.waitMs = waitMs
    this.hasAskedOthers = hasAskedOthers
  }

  havingAskedOthers(): NoTurnError {
    return new NoTurnError(this.host, this.reason, this.waitMs, true)
  }
}

const WORDS: Record<NoTurnReason, string> = {
  pause: 'it wants to be left alone for a while',
  connections: 'as many connections to it are open as may be',
  rate: 'it is asked as often as it may be',
  order: 'others were there before',
}

/** Who waits for a turn. */
export type Waiter = {
  /** A line of waiters that can be woken together. */
  queue: string
  jobId: string
  /** The lower, the earlier. */
  priority: number
  /** Until his deadline, in milliseconds. */
  leftMs: number
}

/** Leave to send a request to a host. */
export type Turn = {
  /**
   * The far side has said that it wants to be left alone, for so long where it says. That holds for the host of the link,
   * and for the one that said so where a redirect led there.
   */
  leaveAlone: (retryAfterMs: number | undefined, saidBy: string) => Promise<void>
  /** Gives it back. Safe to call twice. */
  end: () => Promise<void>
}

export type HostLimitOptions = {
  /** A connection that fails fast, to the one Redis that counts for all; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  /** Connections to one host at once, over all workers; `undefined` for no limit. */
  connections?: number | undefined
  /** Requests to one host per second, over all workers; `undefined` for no limit. */
  requestsPerSecond?: number | undefined
  onRefused?: ((reason: NoTurnReason) => void) | undefined
  /** After which the turn of a worker that was killed is free again. */
  leaseMs?: number | undefined
  log: Log
}

const LEASE_MS = 15_000
const LONGEST_PAUSE_MS = 3600_000
const UNTIL_ASKED_AGAIN_MS = 1000

/**
 * Turns to ask the hosts that files come from: so many at once and so many a second as may be, over all workers, and none
 * while a host wants to be left alone. Who gets none is told when to ask again, and is woken when his turn comes. While Redis
 * is away, each process counts its own connections.
 */
export const createHostLimit = (options: HostLimitOptions) => {
  const { redis, prefix, connections = 0, requestsPerSecond = 0, onRefused, leaseMs = LEASE_MS, log } = options
  const held = new Map<string, string>() // hosts by lease
  const wakers = new Map<string, (jobId: string) => Promise<boolean>>()

  const scripts = {
    take: defineScript(redis, 'host:take', TAKE),
    release: defineScript(redis, 'host:release', RELEASE),
    renew: defineScript(redis, 'host:renew', RENEW),
    pause: defineScript(redis, 'host:pause', PAUSE),
    leave: defineScript(redis, 'host:leave', LEAVE),
  }
  const run = <T>(script: keyof typeof scripts, host: string, ...args: (string | number)[]): Promise<T> => {
    const keys = ['pause', 'bucket', 'leases', 'line', 'seen'].map((what) => `${prefix}:host:${host}:${what}`)
    return scripts[script](keys, ...args) as Promise<T>
  }
  const unlessAway =
    <T>(otherwise: T) =>
    (error: Error): T => {
      if (error.name === 'ReplyError') log.warn({ error: error.message }, 'host_limit.failed')
      else log.debug({ error: error.message }, 'host_limit.redis_away')
      return otherwise
    }

  const takeHere = (host: string): ['' | NoTurnReason, number] => {
    const open = [...held.values()].filter((other) => other === host).length
    return connections > 0 && open >= connections ? ['connections', UNTIL_ASKED_AGAIN_MS] : ['', 0]
  }

  const wake = async (host: string, waiters: string[]): Promise<void> => {
    for (const waiter of waiters) {
      const [queue = '', jobId = ''] = waiter.split(BETWEEN)
      const isThere = (await wakers.get(queue)?.(jobId)) ?? true
      if (!isThere) await run('leave', host, waiter)
    }
  }

  const release = async (host: string, lease: string): Promise<void> => {
    if (!held.delete(lease) || connections === 0) return
    const next = await run<string[]>('release', host, lease, connections)
    await wake(host, next)
  }

  const renew = async (): Promise<void> => {
    for (const [host, leases] of Map.groupBy(held.keys(), (lease) => held.get(lease) as string)) {
      await run('renew', host, leaseMs, ...leases).catch(unlessAway(undefined))
    }
  }
  const renewal = connections > 0 ? setInterval(renew, leaseMs / 3) : undefined
  renewal?.unref()

  return {
    /**
     * Says how those who wait in a queue are woken.
     *
     * @param waken returns false when there is no such job any more
     */
    serve: (queue: string, waken: (jobId: string) => Promise<boolean>): void => void wakers.set(queue, waken),
    /**
     * Takes a turn of the host of a link. Of a redirect the first host counts.
     *
     * @throws {NoTurnError}
     */
    take: async (link: string, { queue, jobId, priority, leftMs }: Waiter): Promise<Turn> => {
      const host = hostOf(link)
      const lease = randomUUID()
      const waiter = `${queue}${BETWEEN}${jobId}`
      const [reason, waitMs = 0, ...next] = await run<['' | NoTurnReason, number, ...string[]]>(
        'take',
        host,
        ...[lease, leaseMs, connections, requestsPerSecond, waiter, priority],
        Math.min(leftMs, Number.MAX_SAFE_INTEGER),
      ).catch((error: Error) => unlessAway(takeHere(host))(error))
      if (reason !== '') {
        onRefused?.(reason)
        await wake(host, next).catch(unlessAway(undefined))
        throw new NoTurnError(host, reason, jittered(waitMs, reason))
      }
      held.set(lease, host)
      return {
        leaveAlone: async (retryAfterMs, saidBy) => {
          const wish = Math.min(retryAfterMs ?? 0, LONGEST_PAUSE_MS)
          for (const busy of new Set([host, plain(saidBy)])) {
            const ms = await run<number>('pause', busy, wish).catch(unlessAway(undefined))
            log.info({ host: busy, ms }, 'host.left_alone')
          }
        },
        end: () => release(host, lease).catch(unlessAway(undefined)),
      }
    },
    /** Waits no longer for a host that was not needed after all. */
    leave: (host: string, { queue, jobId }: Pick<Waiter, 'queue' | 'jobId'>): Promise<void> =>
      run<void>('leave', host, `${queue}${BETWEEN}${jobId}`).catch(unlessAway(undefined)),
    /** Safe to call twice. */
    close: (): void => clearInterval(renewal),
  }
}

export type HostLimit = ReturnType<typeof createHostLimit>

const BETWEEN = ' ' // in neither a shard's name nor a job's id

/** In lower case, with its port where that is not the usual one. */
const hostOf = (link: string): string => (URL.canParse(link) ? plain(new URL(link).host) : 'unknown')

const plain = (host: string): string => host.replace(/\.(?=:|$)/, '')

// Those who were told at once must not all come at once; and none before a host's time is over.
const jittered = (ms: number, reason: NoTurnReason): number =>
  reason === 'pause' ? ms + Math.random() * Math.min(ms / 10, 1000) : ms * (0.75 + Math.random() / 2)
