import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Queue } from 'bullmq'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { startRedisServer } from '../../../test/support/redis-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createAnnouncer, createNotifications, type Notification, type NotificationJob } from '../src/notifications.ts'
import {
  createNotificationsWorker,
  type NotificationAttempt,
  type NotificationsWorkerOptions,
  UndeliveredError,
} from '../src/notifications-worker.ts'
import { QueueAwayError } from '../src/queue-away-error.ts'
import { awaitReady, connectImpatiently, connectPatiently, disconnect } from '../src/redis.ts'
import { createStemsWorker } from '../src/stems-worker.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const DAY_MS = 86_400_000

const notificationOf = (id: string, more: Partial<Notification> = {}): Notification => ({
  id,
  type: 'separation.finished',
  taskId: `task-of-${id}`,
  body: `{"id":"${id}"}`,
  ...more,
})

type Deliver = NotificationsWorkerOptions['deliver']

/** The whole room over a real Redis; only what is outside of it is made up. */
const startNotifications = async () => {
  const prefix = `test-${randomUUID()}`
  const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
  const patient = connectPatiently({ url: inject('redisUrl') }, SILENT)
  await once(redis, 'ready')
  const announcer = createAnnouncer({ redis: patient, prefix })
  const notifications = createNotifications({ redis, prefix, deadlineMs: 5000 })
  const queue = new Queue<NotificationJob>('notifications', { connection: redis, prefix })
  onTestFinished(async () => {
    await queue.close()
    disconnect(redis)
    disconnect(patient)
  })
  const attempts: NotificationAttempt[] = []
  const work = (deliver: Deliver, more: Partial<NotificationsWorkerOptions> = {}) => {
    const worker = createNotificationsWorker({
      redis: patient,
      prefix,
      concurrency: 2,
      patienceMs: DAY_MS,
      firstWaitMs: 1,
      longestWaitMs: 5,
      deliver,
      onAttempt: (attempt) => attempts.push(attempt),
      log: SILENT,
      ...more,
    })
    onTestFinished(() => worker.close(0))
    return worker
  }
  const stateOf = async (id: string) =>
    (await notifications.list(undefined, 0, 100)).notifications.find((one) => one.id === id)
  const reached = (id: string, state: string) =>
    waitFor(`${id} is ${state}`, async () => {
      const found = await stateOf(id)
      return found?.state === state ? found : undefined
    })
  /** Lets the time of an announcement be that long ago. */
  const age = async (id: string, ms: number) => {
    const job = await queue.getJob(id)
    await job?.updateData({ ...job.data, since: new Date(Date.now() - ms).toISOString() })
  }
  return { ...notifications, ...announcer, prefix, redis, queue, attempts, work, stateOf, reached, age }
}

test('what is announced is delivered as it was announced, once, however often it is announced', async () => {
  const { announce, work, reached, attempts } = await startNotifications()
  const delivered: Notification[] = []
  const first = notificationOf('a', { type: 'stem.saved', stem: 'vocal' })
  await announce(first)
  await announce({ ...first, body: 'other words for the same event' })
  work(async (notification) => {
    delivered.push(notification)
    return { status: 204 }
  })
  expect(await reached('a', 'delivered')).toEqual({
    ...{ id: 'a', type: 'stem.saved', taskId: 'task-of-a', stem: 'vocal', state: 'delivered', attempts: 1 },
    ...{ announcedAt: expect.any(String), endedAt: expect.any(String), lastAnswer: 'answered 204.' },
  })
  await announce({ ...first, body: 'and after it was delivered' })
  await announce(notificationOf('b'))
  await reached('b', 'delivered')

  expect(delivered).toEqual([first, notificationOf('b')])
  expect(attempts[0]).toEqual({
    ...{ id: 'a', type: 'stem.saved', taskId: 'task-of-a', stem: 'vocal', number: 1, ms: expect.any(Number) },
    ...{ outcome: 'delivered', status: 204 },
  })
})

test('what does not arrive is sent again with the same id and body, and shows when and why', async () => {
  const { announce, work, reached, stateOf, queue, attempts } = await startNotifications()
  const sent: Notification[] = []
  let isUp = false
  await announce(notificationOf('a'))
  work(
    async (notification) => {
      sent.push(notification)
      if (!isUp) throw new UndeliveredError('app.example answered 503.')
      return { status: 200 }
    },
    { firstWaitMs: 3600_000, longestWaitMs: 3600_000 },
  )
  const waiting = await waitFor('its next try', async () => {
    const found = await stateOf('a')
    return found?.nextTryAt ? found : undefined
  })
  expect(waiting).toMatchObject({ state: 'waiting', attempts: 1, lastAnswer: 'app.example answered 503.' })
  const job = await queue.getJob('a')
  const [attempt] = attempts
  expect(attempt).toMatchObject({ outcome: 'retried', error: 'app.example answered 503.', waitMs: job?.delay })
  expect(job?.delay).toBeGreaterThanOrEqual(1800_000) // jitter takes no more than half away
  const dueInMs = Date.parse(waiting.nextTryAt ?? '') - Date.now()
  expect(dueInMs).toBeGreaterThan((job?.delay ?? 0) - 30_000)
  expect(dueInMs).toBeLessThanOrEqual(job?.delay ?? 0)

  isUp = true
  await job?.promote()
  await reached('a', 'delivered')
  expect(sent).toEqual([notificationOf('a'), notificationOf('a')])
})

test('the patience ends with a last attempt, and what failed can be sent again with patience anew', async () => {
  const { announce, work, reached, age, sendAgain, attempts } = await startNotifications()
  let isUp = false
  await announce(notificationOf('a'))
  await age('a', DAY_MS + 1)
  work(async () => {
    if (!isUp) throw new UndeliveredError('app.example answered 500.')
    return { status: 200 }
  })
  const failed = await reached('a', 'failed')
  expect(failed.lastAnswer).toBe('app.example answered 500. Given up: it was tried for long enough.')
  expect(attempts.map(({ outcome }) => outcome)).toEqual(['failed'])

  expect(await sendAgain('a')).toBe('again')
  await waitFor('it is tried again', () => attempts.filter(({ outcome }) => outcome === 'retried').length > 2)
  isUp = true
  await reached('a', 'delivered')
})

test('the last wait ends when the patience does', async () => {
  const { announce, work, age, attempts } = await startNotifications()
  await announce(notificationOf('a'))
  await age('a', DAY_MS - 60_000)
  work(() => Promise.reject(new UndeliveredError('no')), { firstWaitMs: 3600_000, longestWaitMs: 3600_000 })
  const attempt = await waitFor('an attempt', () => attempts[0])
  expect(attempt).toMatchObject({ outcome: 'retried' })
  expect((attempt as { waitMs: number }).waitMs).toBeLessThanOrEqual(60_000)
})

test('a receiver that asks for patience is given it, for up to an hour at a time', async () => {
  const { announce, work, attempts } = await startNotifications()
  await announce(notificationOf('short'))
  await announce(notificationOf('long'))
  work(({ id }) => {
    const retryAfterMs = id === 'short' ? 90_000 : 50 * DAY_MS
    return Promise.reject(new UndeliveredError('not now', { retryAfterMs }))
  })
  await waitFor('both attempts', () => attempts.length === 2)
  const waits = Object.fromEntries(attempts.map((attempt) => [attempt.id, (attempt as { waitMs: number }).waitMs]))
  expect(Math.floor((waits.short ?? 0) / 1000)).toBe(90)
  expect(Math.floor((waits.long ?? 0) / 1000)).toBe(3600)
})

test('what nobody wants any more is not sent again', async () => {
  const { announce, work, reached, attempts } = await startNotifications()
  await announce(notificationOf('a'))
  work(() => Promise.reject(new UndeliveredError('app.example answered 410.', { isFinal: true })))
  expect(await reached('a', 'failed')).toMatchObject({ attempts: 1, lastAnswer: 'app.example answered 410.' })
  expect(attempts).toMatchObject([{ outcome: 'failed' }])
})

test('an error that nobody expected is tried again, and its words hold no secrets', async () => {
  const { announce, work, reached, attempts } = await startNotifications()
  let tries = 0
  await announce(notificationOf('a'))
  work(
    async () => {
      tries++
      if (tries === 1) throw new Error('odd: https://u:hunter2@app.example/hook?key=hunter2')
      throw new UndeliveredError('end', { isFinal: true })
    },
    { concurrency: 1 },
  )
  await reached('a', 'failed')
  expect(attempts.map((attempt) => 'error' in attempt && attempt.error)).toEqual([
    'unexpected: odd: https://app.example/hook',
    'end',
  ])
})

test('a worker that leaves hands back what it could not deliver in time, and no attempt is spent', async () => {
  const { announce, work, reached, attempts } = await startNotifications()
  await announce(notificationOf('a'))
  const begun = Promise.withResolvers<void>()
  const leaver = work(
    (_notification, signal) =>
      new Promise((_resolve, reject) => {
        begun.resolve()
        signal.addEventListener('abort', () => reject(new UndeliveredError('app.example was not waited for.')))
      }),
  )
  await begun.promise
  await leaver.close(0)
  expect(attempts).toEqual([])
  work(async () => ({ status: 200 }))
  expect(await reached('a', 'delivered')).toMatchObject({ attempts: 1 })
})

test('they are listed in parts: what failed, what waits, what was delivered, the newest of each first', async () => {
  const { announce, work, reached, list, queue } = await startNotifications()
  const ends: Record<string, Deliver> = {
    f: () => Promise.reject(new UndeliveredError('no', { isFinal: true })),
    w: () => Promise.reject(new UndeliveredError('later', { retryAfterMs: 3600_000 })),
    d: async () => ({ status: 200 }),
  }
  const worker = work((one, signal) => (ends[one.id[0] ?? ''] as Deliver)(one, signal))
  for (const [id, state] of [
    ...[['d1', 'delivered'] as const, ['f1', 'failed'] as const, ['d2', 'delivered'] as const],
    ...[['f2', 'failed'] as const, ['w1', 'waiting'] as const],
  ]) {
    await announce(notificationOf(id))
    await reached(id, state)
  }
  await waitFor('one is delayed', async () => (await queue.getDelayedCount()) === 1)
  await worker.close(0)
  await announce(notificationOf('w2'))

  const ids = async (...where: Parameters<typeof list>) => (await list(...where)).notifications.map(({ id }) => id)
  expect(await ids(undefined, 0, 10)).toEqual(['f2', 'f1', 'w2', 'w1', 'd2', 'd1'])
  expect([await ids(undefined, 0, 3), await ids(undefined, 3, 3), await ids(undefined, 6, 3)]).toEqual([
    ...[['f2', 'f1', 'w2'], ['w1', 'd2', 'd1'], []],
  ])
  expect([await ids('failed', 1, 5), await ids('delivered', 0, 1)]).toEqual([['f1'], ['d2']])
  expect((await list('failed', 0, 1)).counts).toEqual({ failed: 2, waiting: 2, delivered: 2 })
})

test('all that failed is sent again, or that of some tasks; what goes on by itself is left alone', async () => {
  const { announce, work, reached, sendFailedAgain, sendAgain, list, attempts } = await startNotifications()
  let isUp = false
  const worker = work(async () => {
    if (!isUp) throw new UndeliveredError('no', { isFinal: true })
    return { status: 200 }
  })
  for (const id of ['a', 'b', 'c']) {
    await announce(notificationOf(id))
    await reached(id, 'failed')
  }
  isUp = true
  const sent = async (taskIds?: string[]) => {
    const ids: string[] = []
    for await (const { id } of sendFailedAgain(taskIds)) ids.push(id)
    return ids
  }
  expect(await sent(['task-of-b', 'nobody'])).toEqual(['b'])
  await reached('b', 'delivered')
  expect(await sent()).toEqual(['a', 'c'])
  for (const id of ['a', 'c']) await reached(id, 'delivered')
  expect((await list('failed', 0, 1)).counts).toEqual({ failed: 0, waiting: 0, delivered: 3 })

  expect(await sendAgain('b')).toBe('again') // who has lost it may have it once more
  await waitFor('it is delivered again', () => attempts.filter(({ id }) => id === 'b').length === 3)
  await reached('b', 'delivered')
  await worker.close(0)
  await announce(notificationOf('d'))
  expect([await sendAgain('d'), await sendAgain('nobody')]).toEqual(['running', 'unknown'])
})

test('one that waits for its next try is sent now when somebody asks for it', async () => {
  const { announce, work, reached, sendAgain, queue, attempts } = await startNotifications()
  await announce(notificationOf('a'))
  work(async () => {
    if (attempts.length === 0) throw new UndeliveredError('later', { retryAfterMs: 3600_000 })
    return { status: 200 }
  })
  await waitFor('it waits', async () => (await queue.getDelayedCount()) === 1)
  expect(await sendAgain('a')).toBe('again')
  await reached('a', 'delivered')
})

test('a stem that is home and cannot be announced waits, and spends none of its attempts', async () => {
  const { prefix } = await startNotifications()
  const redis = connectPatiently({ url: inject('redisUrl') }, SILENT)
  const stems = new Queue('stems', { connection: redis, prefix })
  const announced: string[] = []
  let refusals = 3
  const worker = createStemsWorker({
    ...{ redis, prefix, concurrency: 1, globalConcurrency: undefined, backoffMs: 1, log: SILENT },
    save: async ({ url }) => ({
      ...{ status: 'saved', file: 'vocal.mp3', bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' },
      ...{ source_url: url, saved_at: '2026-01-02T03:04:05.000Z' },
    }),
    onSaved: async ({ taskId, stem }, saved) => {
      if (refusals-- > 0) throw new Error('OOM command not allowed')
      announced.push(`${taskId} ${stem} ${saved.source_url}`)
    },
  })
  onTestFinished(async () => {
    await worker.close(0)
    await stems.close()
    disconnect(redis)
  })
  const url = 'https://file.example/vocal.mp3?key=hunter2'
  const { id } = await stems.add('stem', { taskId: 'task', stem: 'vocal', url }, { attempts: 1 })
  await waitFor('it has ended', async () => (await stems.getCompletedCount()) === 1)
  expect(announced).toEqual(['task vocal https://file.example/vocal.mp3'])
  expect(await stems.getJob(id ?? '')).toMatchObject({ attemptsMade: 1, attemptsStarted: 4 })
})

test('while Redis is away looking says so', async () => {
  const away = connectImpatiently({ url: 'redis://127.0.0.1:1' }, SILENT)
  const notifications = createNotifications({ redis: away, prefix: 'x', deadlineMs: 200 })
  onTestFinished(() => {
    disconnect(away)
  })
  await expect(notifications.list(undefined, 0, 1)).rejects.toThrow(QueueAwayError)
  await expect(notifications.sendAgain('a')).rejects.toThrow(QueueAwayError)
})

test('who announces says nothing of a Redis that is away, which its connection has told of', async () => {
  const server = await startRedisServer()
  const redis = connectPatiently({ url: server.url }, SILENT)
  const announcer = createAnnouncer({ redis, prefix: 'test' })
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(async () => {
    printed.mockRestore()
    disconnect(redis)
    await server.close()
  })
  await awaitReady(redis, 5000)
  let errors = 0
  redis.on('error', () => errors++)
  await server.kill()
  await waitFor('it was tried again', () => errors > 1)
  await server.start()
  await announcer.announce(notificationOf('after'))
  expect(printed).not.toHaveBeenCalled()
})
