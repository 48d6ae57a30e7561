import { type Separation, separationSchema } from '@stems/domain/separation'
import { execAll } from './exec.ts'
import { RETENTION_S } from './jobs.ts'
import type { RedisConnection } from './redis.ts'

/** A later callback, and the trace that it has begun, where traces are kept. */
export type ResentCallback = { separation: Separation; trace?: string }

/** Later callbacks that say something new about a task which already has a job, by nonce. */
export type Resent = ReadonlyMap<string, ResentCallback>

/** The nonce of what is no callback: somebody has registered the task once more. */
export const REGISTERED = 'registered'

/**
 * Where later callbacks wait for the job of their task, each under a nonce of its own. Ingress writes here and never into
 * the job itself, whose data only the worker that holds its lock may change: so no update can be lost between them.
 */
export const createResentBox = (redis: RedisConnection, prefix: string) => {
  const key = (taskId: string) => `${prefix}:resent:${taskId}`
  return {
    /** Leaves a callback for the task's job. */
    put: async (separation: Separation, nonce: string, trace?: string): Promise<void> => {
      const box = key(separation.taskId)
      const content = JSON.stringify({ ...separation, trace })
      await execAll(redis.multi().hset(box, nonce, content).expire(box, RETENTION_S))
    },
    /** Does it still wait? */
    has: async (taskId: string, nonce: string): Promise<boolean> => (await redis.hexists(key(taskId), nonce)) === 1,
    /** All that wait. They stay until they are taken away. */
    peek: async (taskId: string): Promise<Resent> => {
      const waiting = Object.entries(await redis.hgetall(key(taskId)))
      return new Map(waiting.map(([nonce, text]) => [nonce, readCallback(text)]))
    },
    /** Where they lie in Redis: a hash by nonce. */
    key,
  }
}

export type ResentBox = ReturnType<typeof createResentBox>

const readCallback = (text: string): ResentCallback => {
  const said = JSON.parse(text)
  return { separation: separationSchema.parse(said), ...(typeof said.trace === 'string' ? { trace: said.trace } : {}) }
}
