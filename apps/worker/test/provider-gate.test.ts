import type { ProviderApiError } from '@stems/provider/api-error'
import { createLog } from '@stems/telemetry/log'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { startStandInProvider } from '../../../test/stand-in/provider.ts'
import { createHealthServer } from '../src/health-server.ts'
import { createWorkerMetrics } from '../src/metrics.ts'
import { createNoticeBlocked } from '../src/notice-blocked.ts'
import { createProviderApi } from '../src/provider-api.ts'
import { createProviderGate } from '../src/provider-gate.ts'

const RECORD = '/api/v1/vocal-removal/record-info?taskId=task-1'
const SIGN = '/api/v1/common/download-url'
const told = (code: number) => ({ kind: 'answer', status: 200, body: JSON.stringify({ code, msg: 'no' }) }) as const

const startAsking = async () => {
  const provider = await startStandInProvider()
  onTestFinished(() => provider.close())
  const lines: Record<string, unknown>[] = []
  const log = createLog('worker', 'info', { write: (line) => void lines.push(JSON.parse(line)) })
  const clock = { now: 0 }
  const gate = createProviderGate({ log, now: () => clock.now })
  let turns = 0
  const api = createProviderApi({
    provider: 'kie',
    apiUrl: provider.url,
    apiKey: 'hunter2',
    allowPrivate: true,
    noticeBlocked: createNoticeBlocked({ metrics: createWorkerMetrics(), log }),
    takeTurn: async () => void turns++,
    gate,
  })
  const asked = () => provider.hits(RECORD) + provider.hits(SIGN)
  const read = () => api.readRecord('task-1').catch((error: ProviderApiError) => error)
  return { provider, lines, clock, gate, api, read, asked, turns: () => turns }
}

test('a key that is refused is not shown again: every later question fails at once, and one line says what to do', async () => {
  const { provider, api, read, asked, lines, gate } = await startAsking()
  provider.alwaysBehave(RECORD, told(401))
  const first = await read()
  expect(first).toMatchObject({ problem: 'bad_key', verdict: 'never' })
  expect(await read()).toBe(first)
  await expect(api.freshLink('https://far.side/x.mp3')).rejects.toBe(first)
  expect(asked()).toBe(1)
  expect(lines).toMatchObject([{ level: 'error', msg: expect.stringMatching(/PROVIDER_API_KEY and restart/) }])
  expect(JSON.stringify(lines)).not.toContain('hunter2')

  const health = createHealthServer({
    metrics: new Registry(),
    isRedisReady: () => true,
    store: { check: async () => {} },
    problems: [gate.problem],
  })
  const answer = await health.inject('/readyz')
  expect(answer.statusCode).toBe(503)
  expect(answer.json()).toMatchObject({ reasons: [expect.stringMatching(/refuses PROVIDER_API_KEY/)] })
})

test('questions that were on their way when the key was refused are not sent', async () => {
  const { provider, read, asked } = await startAsking()
  provider.alwaysBehave(RECORD, told(401))
  await read()
  expect(await Promise.all([read(), read(), read()])).toMatchObject(Array(3).fill({ problem: 'bad_key' }))
  expect(asked()).toBe(1)
})

test.each([
  [429, {}, 2000],
  [429, { 'retry-after': '60' }, 60_000],
  [455, {}, 30_000],
  [503, { 'retry-after': '9' }, 9000],
])('after %i with %j nobody asks for %i ms, and then somebody does', async (code, headers, pauseMs) => {
  const { provider, read, asked, clock, gate } = await startAsking()
  provider.behave(RECORD, { kind: 'answer', status: code, headers, body: JSON.stringify({ code, msg: 'no' }) })
  provider.alwaysBehave(RECORD, told(404))
  const first = await read()
  clock.now = pauseMs - 1
  for (let times = 0; times < 3; times++) {
    expect(await read()).toMatchObject({ problem: (first as ProviderApiError).problem, retryAfterMs: 1 })
  }
  expect(asked()).toBe(1)
  expect(gate.trouble()).toMatch(/ It is asked again in 1 s\.$/)
  clock.now = pauseMs
  expect(await read()).toEqual({ state: 'unknown' })
  expect([gate.problem(), gate.trouble()]).toEqual([undefined, undefined])
})

test.each([500, 402])('a %i keeps nobody from asking again', async (code) => {
  const { provider, read, asked } = await startAsking()
  provider.alwaysBehave(RECORD, told(code))
  await read()
  await read()
  expect(asked()).toBe(2)
})

test('every question takes a turn', async () => {
  const { provider, api, read, turns } = await startAsking()
  provider.alwaysBehave(RECORD, told(404))
  provider.alwaysBehave(SIGN, told(422))
  await read()
  await api.freshLink('https://far.side/x.mp3')
  expect(turns()).toBe(2)
})
