import { type Separation, separationSchema } from '@stems/domain/separation'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { RETENTION_S } from './jobs.ts'

const resentSchema = z.object({ nonce: z.string(), separation: separationSchema })

/** A later callback that says something new about a task which already has a job. */
export type Resent = z.infer<typeof resentSchema>

/**
 * Where later callbacks wait for the job of their task. Ingress writes here and never into the job itself, whose data
 * only the worker that holds its lock may change: so no update can be lost between them.
 */
export const createResentBox = (redis: Redis, prefix: string) => {
  const key = (taskId: string) => `${prefix}:resent:${taskId}`
  return {
    /** Leaves a callback for the task's job; a newer one replaces an older one that was not yet taken. */
    put: async (separation: Separation, nonce: string): Promise<void> => {
      const resent: Resent = { nonce, separation }
      await redis.set(key(separation.taskId), JSON.stringify(resent), 'EX', RETENTION_S)
    },
    /** The callback left last, if any. It stays: its nonce tells whether the job has taken it. */
    peek: async (taskId: string): Promise<Resent | undefined> => {
      const text = await redis.get(key(taskId))
      return text === null ? undefined : resentSchema.parse(JSON.parse(text))
    },
  }
}

export type ResentBox = ReturnType<typeof createResentBox>
