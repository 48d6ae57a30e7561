import { expect, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { libraryKeys } from '../src/library-index.ts'
import { awaitReady, connectImpatiently, disconnect, isReady } from '../src/redis.ts'
import { createSubmitter } from '../src/submit.ts'
import { linklessSeparation } from './separations.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

const start = async () => {
  const server = await startRedisServer()
  const redis = connectImpatiently({ url: server.url }, silent)
  const submitter = createSubmitter({ redis, prefix: 'test', deadlineMs: 5000 })
  await awaitReady(redis, 5000)
  onTestFinished(async () => {
    disconnect(redis)
    await server.close()
  })
  const listed = () => redis.zcard(libraryKeys('test').tasks)
  return { server, redis, submitter, listed }
}

test('a Redis that has forgotten its scripts takes a callback, lists it, and knows it again', async () => {
  const { redis, submitter, listed } = await start()
  expect(await submitter.submit(linklessSeparation('before'))).toBe('accepted')
  await redis.script('FLUSH')
  expect(await submitter.submit(linklessSeparation('after'))).toBe('accepted')
  await redis.script('FLUSH')
  expect(await submitter.submit(linklessSeparation('after'))).toBe('duplicate')
  expect(await listed()).toBe(2)
})

test('of callbacks that come at once each is told whether it is new, two of one task among them', async () => {
  const { submitter, listed } = await start()
  const submitAll = (...taskIds: string[]) =>
    Promise.all(taskIds.map((taskId) => submitter.submit(linklessSeparation(taskId))))
  expect(await submitAll('task-1', 'task-2')).toEqual(['accepted', 'accepted'])
  const answers = ['duplicate', 'accepted', 'duplicate', 'accepted', 'duplicate']
  expect(await submitAll('task-1', 'task-3', 'task-2', 'task-4', 'task-3')).toEqual(answers)
  expect(await listed()).toBe(4)
})

test('a Redis that was started again takes a callback, lists it, and knows it again', async () => {
  const { server, redis, submitter, listed } = await start()
  expect(await submitter.submit(linklessSeparation('before'))).toBe('accepted')
  await server.kill('SIGTERM')
  await waitFor('the connection is gone', () => !isReady(redis))
  await server.start()
  await awaitReady(redis, 5000)
  expect(await submitter.submit(linklessSeparation('after'))).toBe('accepted')
  expect(await submitter.submit(linklessSeparation('before'))).toBe('duplicate')
  expect(await listed()).toBe(2)
})
