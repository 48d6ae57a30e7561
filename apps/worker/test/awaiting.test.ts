import { ProviderApiError } from '@stems/provider/api-error'
import type { ProviderRecord } from '@stems/provider/record-info'
import { createLog } from '@stems/telemetry/log'
import { expect, test } from 'vitest'
import { createAwaiting } from '../src/awaiting.ts'

const SINCE = '2026-01-01T00:00:00.000Z'
const MINUTE = 60_000

const askAt = (ageMs: number, readRecord?: () => Promise<ProviderRecord>, unknownForMs?: number) =>
  createAwaiting({
    readRecord,
    everyMs: 30_000,
    maxAgeMs: 24 * 60 * MINUTE,
    unknownMs: 10 * MINUTE,
    log: createLog('worker', 'silent'),
    now: () => Date.parse(SINCE) + ageMs,
  }).ask('task-1', {
    since: SINCE,
    ...(unknownForMs === undefined
      ? {}
      : { unknownSince: new Date(Date.parse(SINCE) + ageMs - unknownForMs).toISOString() }),
  })

const says = (record: ProviderRecord) => async () => record

test('what the record says is told as the separation', async () => {
  const link = 'https://tempfile.aiquickdraw.com/v.mp3'
  const told = await askAt(MINUTE, says({ state: 'done', links: [{ stem: 'vocal', url: link }] }))
  expect(told).toMatchObject({
    kind: 'told',
    separation: { taskId: 'task-1', code: 200, stems: [{ name: 'vocal', url: link }] },
  })
  const failed = await askAt(MINUTE, says({ state: 'failed', reason: 'no vocals in it' }))
  expect(failed).toMatchObject({
    kind: 'told',
    separation: { msg: expect.stringContaining('no vocals in it'), stems: [] },
  })
})

test('a task that is still at work is waited for, until it is too old', async () => {
  const pending = says({ state: 'pending' })
  expect(await askAt(23 * 60 * MINUTE, pending)).toEqual({ kind: 'pending' })
  expect(await askAt(24 * 60 * MINUTE, pending)).toMatchObject({
    kind: 'over',
    separation: { code: 408, msg: expect.stringMatching(/^given up: no callback has come for 24 h.*still at work/) },
  })
})

test('a task that the provider has not known for long is given up; one such answer is not enough', async () => {
  const unknown = says({ state: 'unknown' })
  const waits = { kind: 'pending', isUnknown: true, problem: expect.stringContaining('no task of this id') }
  expect(await askAt(20 * 60 * MINUTE, unknown)).toMatchObject(waits)
  expect(await askAt(20 * 60 * MINUTE, unknown, 9 * MINUTE)).toMatchObject(waits)
  expect(await askAt(11 * MINUTE, unknown, 10 * MINUTE)).toMatchObject({ kind: 'over', separation: { code: 404 } })
})

test('a provider that does not tell ends nothing, however long we were away, until the files are deleted', async () => {
  const refuse = () => Promise.reject(new ProviderApiError('bad_key', 'the provider refuses PROVIDER_API_KEY'))
  const day = 24 * 60 * MINUTE
  expect(await askAt(13 * day, refuse)).toMatchObject({
    kind: 'pending',
    problem: 'the provider refuses PROVIDER_API_KEY',
  })
  expect(await askAt(14 * day, refuse)).toMatchObject({
    kind: 'over',
    separation: { code: 408, msg: expect.stringContaining('refuses PROVIDER_API_KEY') },
  })
})

test('without a key a task waits for its callback only, and says so', async () => {
  expect(await askAt(MINUTE)).toMatchObject({ kind: 'pending', problem: expect.stringContaining('PROVIDER_API_KEY') })
})

test('questions that wait for their turn leave places for callbacks', async () => {
  const { promise, resolve } = Promise.withResolvers<ProviderRecord>()
  const { ask } = createAwaiting({
    readRecord: () => promise,
    everyMs: 30_000,
    maxAgeMs: MINUTE,
    unknownMs: MINUTE,
    log: createLog('worker', 'silent'),
    now: () => Date.parse(SINCE),
  })
  const first = Array.from({ length: 4 }, (_, n) => ask(`task-${n}`, { since: SINCE }))
  expect(await ask('task-5', { since: SINCE })).toEqual({ kind: 'busy' })
  resolve({ state: 'pending' })
  expect(await Promise.all(first)).toMatchObject(Array(4).fill({ kind: 'pending' }))
  expect(await ask('task-5', { since: SINCE })).toMatchObject({ kind: 'pending' })
})

test('a record that may still grow is waited for, but not for ever', async () => {
  const links = [{ stem: 'vocal', url: 'https://tempfile.aiquickdraw.com/v.mp3' }]
  const growing = says({ state: 'done', links, mayGrow: true })
  expect(await askAt(60 * MINUTE, growing)).toEqual({ kind: 'pending' })
  expect(await askAt(24 * 60 * MINUTE, growing)).toMatchObject({
    kind: 'told',
    separation: { stems: [{ name: 'vocal' }] },
  })
})
