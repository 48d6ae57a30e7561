import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { changeOwnJob } from '../src/own-job.ts'

const startJob = async () => {
  const redis = new Redis(inject('redisUrl'))
  const queue = new Queue<{ said: string }>('separations', { connection: redis, prefix: `test-${randomUUID()}` })
  onTestFinished(async () => {
    await queue.close()
    redis.disconnect()
  })
  const job = await queue.add('separation', { said: 'first' }, { jobId: 'sep_1' })
  const hash = `${queue.opts.prefix}:resent:1`
  await redis.hset(hash, { a: '1', b: '2', c: '3' })
  await redis.set(`${queue.qualifiedName}:sep_1:lock`, 'mine')
  const stored = async () => [(await queue.getJob('sep_1'))?.data, Object.keys(await redis.hgetall(hash))]
  return { redis, job, hash, stored }
}

test('who holds the lock changes the job, and takes what it has adopted out of the box, in one step', async () => {
  const { redis, job, hash, stored } = await startJob()
  await changeOwnJob(redis, job, 'mine', { said: 'second' }, { hash, fields: ['a', 'c'] })
  expect(await stored()).toEqual([{ said: 'second' }, ['b']])
  expect(job.data).toEqual({ said: 'second' })
})

test('who was away for longer than its lock changes nothing any more', async () => {
  const { redis, job, hash, stored } = await startJob()
  const late = changeOwnJob(redis, job, 'of a worker that was away', { said: 'old' }, { hash, fields: ['a'] })
  await expect(late).rejects.toThrow('another worker has taken this separation over')
  expect(await stored()).toEqual([{ said: 'first' }, ['a', 'b', 'c']])
  expect(job.data).toEqual({ said: 'first' })
})
