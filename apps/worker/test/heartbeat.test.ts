import { heartbeatSchema } from '@stems/domain/heartbeat'
import type { SavedStem } from '@stems/domain/manifest'
import { expect, test } from 'vitest'
import { createAtWork } from '../src/at-work.ts'
import { describeWorker } from '../src/heartbeat.ts'

const NOW = '2026-01-01T00:00:00.000Z'
const ABOUT = { id: 'i', host: 'h', pid: 1, version: '1.2.3', started_at: NOW, at: NOW }

const attemptOf = (progress: (bytes: number, total: number | null) => void = () => {}) => ({
  number: 1,
  signal: new AbortController().signal,
  progress,
  leftMs: Number.POSITIVE_INFINITY,
  busyBackoffMs: 1000,
})

/** A worker that downloads `count` stems. */
const startWork = (count: number) => {
  const atWork = createAtWork()
  const ends = Array.from({ length: count }, (_, index) => {
    const { promise, resolve } = Promise.withResolvers<SavedStem>()
    const saved = atWork.watch((_job, attempt) => {
      attempt.progress(index, 100)
      return promise
    })
    return {
      saved: saved({ taskId: `task-${index}`, stem: 'vocal', url: 'https://a/b', receivedAt: '' }, attemptOf()),
      resolve,
    }
  })
  return { atWork, ends }
}

const describe = ({
  atWork = createAtWork(),
  stuck = undefined as string | undefined,
  intake = undefined as string | undefined,
  isLeaving = false,
} = {}) =>
  describeWorker({
    consumers: { stuck: () => stuck, atWork: () => ({ stems: atWork.stems(), separations: ['task-9'] }) },
    concurrency: 8,
    disk: { problem: () => intake },
    gate: { trouble: () => undefined },
    isLeaving,
  })

test('a worker lists the stems that it downloads with their progress, until they end', async () => {
  const { atWork, ends } = startWork(2)
  expect(describe({ atWork })).toMatchObject({
    stems_running: 2,
    stems: [
      { task_id: 'task-0', stem: 'vocal', bytes: 0, total: 100 },
      { task_id: 'task-1', stem: 'vocal', bytes: 1, total: 100 },
    ],
    separations: ['task-9'],
    separations_running: 1,
    troubles: [],
  })
  ends[0]?.resolve({} as SavedStem)
  await ends[0]?.saved
  expect(atWork.stems()).toMatchObject([{ task_id: 'task-1' }])
})

test('a stem that fails is no longer listed, and its attempt still gets the progress', async () => {
  const heard: unknown[] = []
  const atWork = createAtWork()
  const save = atWork.watch(async (_job, attempt) => {
    attempt.progress(5, null)
    throw new Error('gone')
  })
  const attempt = attemptOf((...progress) => heard.push(progress))
  await expect(save({ taskId: 'task', stem: 'vocal', url: 'https://a/b', receivedAt: '' }, attempt)).rejects.toThrow(
    'gone',
  )
  expect([heard, atWork.stems()]).toEqual([[[5, null]], []])
})

test('a heartbeat stays small and valid, however many stems run', () => {
  const heartbeat = { ...ABOUT, ...describe({ atWork: startWork(1000).atWork }) }
  expect(JSON.stringify(heartbeat).length).toBeLessThan(10_000)
  expect(heartbeatSchema.parse(heartbeat)).toMatchObject({ stems_running: 1000 })
})

test('a heartbeat contains no credentials of a link', () => {
  const heartbeat = describe({ intake: 'no room for https://files.example/a.mp3?signature=secret here' })
  expect(JSON.stringify(heartbeat)).not.toContain('secret')
})

test('a worker tells its problems, and that it shuts down', () => {
  const problems = { stuck: '3 jobs are waiting', intake: 'no new downloads' }
  expect(describe(problems)).toMatchObject({
    leaving: false,
    troubles: [
      { kind: 'stuck', message: '3 jobs are waiting' },
      { kind: 'intake', message: 'no new downloads' },
    ],
  })
  expect(describe({ isLeaving: true })).toMatchObject({ leaving: true })
})
