import { type Separation, separationSchema } from '@stems/domain/separation'
import { RETENTION_S, type SeparationResult } from './jobs.ts'
import type { RedisConnection } from './redis.ts'

/** A later callback, and the trace that it has begun, where traces are kept. */
export type ResentCallback = { separation: Separation; trace?: string }

/** Later callbacks that say something new about a task which already has a job, by nonce. */
export type Resent = ReadonlyMap<string, ResentCallback>

/** The nonce of what is no callback: somebody has registered the task once more. */
export const REGISTERED = 'registered'

// Under such a nonce lies how a run ended, while its job is driven once more and does not know it itself.
const END_NONCE = /^end\.(\d+)$/
export const endNonce = (run: number): string => `end.${run}`

/** What waits for the job of a task. */
export type BoxContent = {
  callbacks: Resent
  /** How runs ended, by run. */
  ends: ReadonlyMap<number, SeparationResult>
}

/**
 * Where later callbacks wait for the job of their task, each under a nonce of its own. Ingress writes here and never into
 * the job itself, whose data only the worker that holds its lock may change: so no update can be lost between them.
 */
export const createResentBox = (redis: RedisConnection, prefix: string) => {
  const key = (taskId: string) => `${prefix}:resent:${taskId}`
  return {
    /** Leaves a callback for the task's job. */
    put: async (separation: Separation, nonce: string, trace?: string): Promise<void> => {
      await redis
        .multi()
        .hset(key(separation.taskId), nonce, JSON.stringify({ ...separation, trace }))
        .expire(key(separation.taskId), RETENTION_S)
        .exec()
    },
    /** Does it still wait? */
    has: async (taskId: string, nonce: string): Promise<boolean> => (await redis.hexists(key(taskId), nonce)) === 1,
    /** All that wait. They stay until they are taken away. */
    peek: async (taskId: string): Promise<BoxContent> => {
      const callbacks = new Map<string, ResentCallback>()
      const ends = new Map<number, SeparationResult>()
      for (const [nonce, text] of Object.entries(await redis.hgetall(key(taskId)))) {
        const [, run] = END_NONCE.exec(nonce) ?? []
        if (run === undefined) callbacks.set(nonce, readCallback(text))
        else ends.set(Number(run), readEnd(text))
      }
      return { callbacks, ends }
    },
    /** Leaves word of how a run ended. */
    putEnd: async (taskId: string, run: number, end: SeparationResult): Promise<void> => {
      await redis
        .multi()
        .hset(key(taskId), endNonce(run), JSON.stringify({ ...nothingSaid(taskId), end }))
        .expire(key(taskId), RETENTION_S)
        .exec()
    },
    /** How a run ended, where somebody has left word of it. */
    endOf: async (taskId: string, run: number): Promise<SeparationResult | undefined> => {
      const text = await redis.hget(key(taskId), endNonce(run))
      return text === null ? undefined : readEnd(text)
    },
    /** Takes such word away. */
    forgetEnd: async (taskId: string, run: number): Promise<void> => {
      await redis.hdel(key(taskId), endNonce(run))
    },
    /** Where they lie in Redis: a hash by nonce. */
    key,
  }
}

// A worker of an earlier version reads it as a callback that says nothing.
const nothingSaid = (taskId: string): Separation => ({
  ...{ taskId, type: 'unknown', code: 200, msg: '', receivedAt: new Date().toISOString(), stems: [] },
})

const readEnd = (text: string): SeparationResult => (JSON.parse(text) as { end: SeparationResult }).end

export type ResentBox = ReturnType<typeof createResentBox>

const readCallback = (text: string): ResentCallback => {
  const said = JSON.parse(text)
  return { separation: separationSchema.parse(said), ...(typeof said.trace === 'string' ? { trace: said.trace } : {}) }
}
