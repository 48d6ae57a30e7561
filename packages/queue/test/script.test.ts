import { expect, onTestFinished, test } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createLibraryNotes, libraryKeys } from '../src/library-notes.ts'
import { awaitReady, connectImpatiently, connectPatiently, disconnect, isReady } from '../src/redis.ts'
import { createSubmitter } from '../src/submit.ts'
import { linklessSeparation } from './separations.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

const start = async () => {
  const server = await startRedisServer()
  const redis = connectImpatiently({ url: server.url }, silent)
  const submitter = createSubmitter({ redis, prefix: 'test', deadlineMs: 5000 })
  await awaitReady(redis, 5000)
  onTestFinished(async () => {
    await submitter.close()
    disconnect(redis)
    await server.close()
  })
  const listed = () => redis.zcard(libraryKeys('test').of('waiting'))
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

test('a Redis that has forgotten how to add a job, and not how to look at it, knows a callback again', async () => {
  const { server, redis, submitter } = await start()
  expect(await submitter.submit(linklessSeparation('task-1'))).toBe('accepted')
  await redis.script('FLUSH')
  const other = connectImpatiently({ url: server.url }, silent)
  await awaitReady(other, 5000)
  const made = { jobKey: 'test:separations:nobody', nonce: 'none' }
  expect(
    await createLibraryNotes(other, 'test').addMade('nobody', linklessSeparation('').receivedAt, 'waiting', made),
  ).toBe(false)
  disconnect(other)
  expect(await submitter.submit(linklessSeparation('task-1'))).toBe('duplicate')
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

test('however many callbacks one turn brings, each is noted and told', async () => {
  const { server, listed } = await start()
  const redis = connectPatiently({ url: server.url }, silent)
  onTestFinished(() => disconnect(redis))
  const { addMade } = createLibraryNotes(redis, 'test')
  await redis.hset('test:separations:last', 'data', 'its nonce')
  const tasks = Array.from({ length: 30_000 }, (_, index) => `task-${index}`)
  const note = (taskId: string, isLast: boolean) =>
    addMade(taskId, new Date(0).toISOString(), 'waiting', {
      jobKey: `test:separations:${isLast ? 'last' : taskId}`,
      nonce: 'its nonce',
    })
  const answers = await Promise.all(tasks.map((taskId) => note(taskId, taskId === tasks.at(-1))))
  expect([answers.indexOf(true), await listed()]).toEqual([tasks.length - 1, tasks.length])
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
