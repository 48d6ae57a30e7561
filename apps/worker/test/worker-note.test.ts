import type { SavedStem } from '@stems/domain/manifest'
import { presenceNoteSchema } from '@stems/domain/presence'
import { expect, test } from 'vitest'
import { createAtWork } from '../src/at-work.ts'
import { createWorkerNote } from '../src/worker-note.ts'

const ABOUT = { id: 'i', host: 'h', pid: 1, version: '1.2.3', startedAt: '2026-01-01T00:00:00.000Z' }

const attemptOf = (progress: (bytes: number, total: number | null) => void = () => {}) => ({
  number: 1,
  signal: new AbortController().signal,
  progress,
  leftMs: Number.POSITIVE_INFINITY,
  busyBackoffMs: 1000,
})

const noteOf = ({
  count = 1,
  stuck = undefined as string | undefined,
  intake = undefined as string | undefined,
} = {}) => {
  const atWork = createAtWork()
  const ends = Array.from({ length: count }, (_, index) => {
    const { promise, resolve } = Promise.withResolvers<SavedStem>()
    const saved = atWork.watch((_job, attempt) => {
      attempt.progress(index, 100)
      return promise
    })
    return { saved: saved({ taskId: `task-${index}`, stem: 'vocal', url: 'https://a/b' }, attemptOf()), resolve }
  })
  const { describe, leave } = createWorkerNote({
    consumers: { stuck: () => stuck, atWork: () => ({ stems: atWork.stems(), separations: ['task-9'] }) },
    concurrency: 8,
    disk: { problem: () => intake },
    gate: { trouble: () => undefined },
  })
  return { describe, leave, ends, atWork }
}

test('a worker tells which stems it brings home, how far they are, and no more of them when they have ended', async () => {
  const { describe, ends, atWork } = noteOf({ count: 2 })
  expect(describe()).toMatchObject({
    stemsRunning: 2,
    stems: [
      { taskId: 'task-0', stem: 'vocal', bytes: 0, total: 100 },
      { taskId: 'task-1', stem: 'vocal', bytes: 1, total: 100 },
    ],
    separations: ['task-9'],
    separationsRunning: 1,
    troubles: [],
  })
  ends[0]?.resolve({} as SavedStem)
  await ends[0]?.saved
  expect(atWork.stems()).toMatchObject([{ taskId: 'task-1' }])
})

test('one that fails is no longer at work either, and the attempt hears of the progress as before', async () => {
  const heard: unknown[] = []
  const atWork = createAtWork()
  const save = atWork.watch(async (_job, attempt) => {
    attempt.progress(5, null)
    throw new Error('gone')
  })
  const attempt = attemptOf((...progress) => heard.push(progress))
  await expect(save({ taskId: 'task', stem: 'vocal', url: 'https://a/b' }, attempt)).rejects.toThrow('gone')
  expect([heard, atWork.stems()]).toEqual([[[5, null]], []])
})

test('however many run, the note stays small and is one that can be read', () => {
  const { describe } = noteOf({ count: 1000 })
  const note = { ...ABOUT, ...describe() }
  expect(JSON.stringify(note).length).toBeLessThan(10_000)
  expect(presenceNoteSchema.parse(note)).toMatchObject({ stemsRunning: 1000 })
})

test('what opens a link does not stand in it', () => {
  const { describe } = noteOf({ intake: 'no room for https://files.example/a.mp3?signature=secret here' })
  expect(JSON.stringify(describe())).not.toContain('secret')
})

test('it tells what keeps it from its work, and that it leaves', () => {
  const { describe, leave } = noteOf({ stuck: '3 jobs are waiting', intake: 'no new downloads' })
  expect(describe()).toMatchObject({
    isLeaving: false,
    troubles: [
      { kind: 'stuck', message: '3 jobs are waiting' },
      { kind: 'intake', message: 'no new downloads' },
    ],
  })
  leave()
  expect(describe()).toMatchObject({ isLeaving: true })
})
