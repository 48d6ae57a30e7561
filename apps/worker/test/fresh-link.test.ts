import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@stems/outgoing/client'
import { createUrlGuard } from '@stems/outgoing/url-guard'
import type { ProviderName } from '@stems/provider/provider-name'
import { createFileStore } from '@stems/store/file-store'
import { createLog } from '@stems/telemetry/log'
import { expect, onTestFinished, test } from 'vitest'
import { type Behaviour, startStandInProvider } from '../../../test/stand-in/provider.ts'
import { createDownload } from '../src/download.ts'
import { createFreshLink } from '../src/fresh-link.ts'
import { createWorkerMetrics } from '../src/metrics.ts'
import { createNoticeBlocked } from '../src/notice-blocked.ts'
import { createProviderApi } from '../src/provider-api.ts'
import { createProviderGate } from '../src/provider-gate.ts'
import { createSaveStem } from '../src/save-stem.ts'

const NO_LIMIT = { acquire: async () => {}, pause: async () => {} }
const STEM = { taskId: 'task-1', stem: 'drums', receivedAt: new Date().toISOString() }
const OLD = '/s/0b6f_Drums.mp3?Signature=hunter2'
const FRESH = '/s/0b6f_Drums.mp3?Signature=hunter3'
const SIGN = '/api/v1/common/download-url'
const RECORD = '/api/v1/vocal-removal/record-info?taskId=task-1'
const DEAD: Behaviour = { kind: 'answer', status: 404 }
const PAGE: Behaviour = { kind: 'answer', status: 200, body: '<!doctype html><html>This link has expired</html>' }

const answer = (body: unknown): Behaviour => ({ kind: 'answer', status: 200, body: JSON.stringify(body) })

const startSaving = async ({ provider: name = 'kie' as ProviderName | 'none', apiUrl = '' } = {}) => {
  const provider = await startStandInProvider()
  onTestFinished(() => provider.close())
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-fresh-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const lines: Record<string, unknown>[] = []
  const log = createLog('worker', 'info', { write: (line) => void lines.push(JSON.parse(line)) })
  const metrics = createWorkerMetrics()
  const guard = createUrlGuard({
    allowedHosts: ['127.0.0.1'],
    allowedPorts: [443],
    allowPrivate: true,
    settingNames: { hosts: 'DOWNLOAD_ALLOWED_HOSTS', ports: 'DOWNLOAD_ALLOWED_PORTS' },
  })
  const api =
    name === 'none'
      ? undefined
      : createProviderApi({
          provider: name,
          apiUrl: apiUrl || provider.url,
          apiKey: 'hunter4',
          allowPrivate: true,
          noticeBlocked: createNoticeBlocked({ metrics, log }),
          takeTurn: async () => {},
          gate: createProviderGate({ log }),
        })
  const saveStem = createSaveStem({
    store: createFileStore(folder),
    download: createDownload(createClient(guard), { maxBytes: 1_000_000, stallMs: 60_000 }),
    hostLimit: NO_LIMIT,
    freshLink: createFreshLink(api),
    metrics,
    log,
  })
  const save = (...otherUrls: string[]) =>
    saveStem(
      { ...STEM, url: provider.url + OLD, ...(otherUrls.length > 0 ? { otherUrls } : {}) },
      { number: 1, signal: new AbortController().signal, progress: () => {}, leftMs: 3600_000, busyBackoffMs: 1000 },
    )
  const sign = (data: unknown, code = 200) => provider.alwaysBehave(SIGN, answer({ code, msg: 'm', data }))
  const record = (response: object | null, successFlag = 'SUCCESS') =>
    provider.alwaysBehave(RECORD, answer({ code: 200, data: { taskId: 'task-1', response, successFlag } }))
  const parts = async () => (await readdir(join(folder, '.parts')).catch(() => [])).filter((file) => file !== '')
  return { provider, save, sign, record, lines, parts, fresh: provider.url + FRESH }
}

test.each<[string, Behaviour]>([
  ['401', { kind: 'answer', status: 401 }],
  ['403', { kind: 'answer', status: 403 }],
  ['404', DEAD],
  ['410', { kind: 'answer', status: 410 }],
  ['an error page', PAGE],
])('a link that answers %s is signed anew by kie.ai, and the same attempt brings the stem home', async (_how, dead) => {
  const { provider, save, sign, fresh, lines, parts } = await startSaving()
  provider.alwaysBehave(OLD, dead)
  sign(fresh)
  expect(await save()).toMatchObject({ status: 'saved', sha256: provider.file(FRESH).sha256, source_url: fresh })
  expect([provider.hits(OLD), provider.hits(SIGN), provider.hits(FRESH)]).toEqual([1, 1, 1])
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'stem.link_refreshed', stem: 'drums' }))
  expect(JSON.stringify(lines)).not.toMatch(/hunter/)
  expect(await parts()).toEqual([])
})

test('sunoapi.org signs no links: its record has the fresh one', async () => {
  const { provider, save, record, fresh } = await startSaving({ provider: 'sunoapi' })
  provider.alwaysBehave(OLD, DEAD)
  record({ vocalUrl: `${provider.url}/other.mp3`, drumsUrl: fresh })
  expect(await save()).toMatchObject({ source_url: fresh })
  expect([provider.hits(SIGN), provider.hits(RECORD), provider.hits('/other.mp3')]).toEqual([0, 1, 0])
})

test('a link that kie.ai does not call its own is looked up in the record, by its place where its stem has another name', async () => {
  const { provider, save, sign, record, fresh } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  sign(null, 422)
  record({ originData: [{ stem_type_group_name: 'Drum Kit', audio_url: fresh }] })
  expect(await save()).toMatchObject({ source_url: fresh })
})

test('nobody is asked while a link lives, or may come back to life', async () => {
  const { provider, save, sign } = await startSaving()
  sign(provider.url + FRESH)
  provider.alwaysBehave(OLD, DEAD)
  provider.behave('/busy', { kind: 'answer', status: 503 })
  await expect(save(`${provider.url}/busy`)).rejects.toMatchObject({ verdict: 'later', code: 'unavailable' })
  expect(await save(`${provider.url}/busy`)).toMatchObject({ source_url: `${provider.url}/busy` })
  expect(provider.hits(SIGN)).toBe(0)
})

test('a forged link does not keep a dead one from being signed anew', async () => {
  const { provider, save, sign, fresh } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  provider.alwaysBehave('/forged', { kind: 'redirect', to: 'http://elsewhere.example/' })
  sign(fresh)
  expect(await save(`${provider.url}/forged`)).toMatchObject({ source_url: fresh })
})

test('a fresh link that leads where nobody may go is not asked', async () => {
  const { provider, save, sign } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  sign('http://elsewhere.example/x.mp3?k=hunter5')
  await expect(save()).rejects.toMatchObject({ code: 'blocked', verdict: 'never' })
})

test.each<[string, unknown, Behaviour]>([
  ['has no other link', null, answer({ code: 200, data: null })],
  ['gives the dead one again', 'OLD', answer({ code: 404, msg: 'gone', data: null })],
  [
    'calls the task failed',
    null,
    answer({ code: 200, data: { successFlag: 'GENERATE_AUDIO_FAILED', errorMessage: 'x' } }),
  ],
])(
  'when the provider %s, the stem is gone for good, and the reason says what was tried',
  async (_how, data, record) => {
    const { provider, save, sign } = await startSaving()
    provider.alwaysBehave(OLD, DEAD)
    sign(data === 'OLD' ? provider.url + OLD : data)
    provider.alwaysBehave(RECORD, record)
    await expect(save()).rejects.toMatchObject({
      code: 'gone',
      verdict: 'never',
      message: expect.stringMatching(/answered 404.*asked for a fresh link and has no other/),
    })
  },
)

test.each<[string, Behaviour]>([
  ['dead as well', DEAD],
  ['an error page as well', PAGE],
])('a fresh link that is %s is the end', async (_how, dead) => {
  const { provider, save, sign, fresh } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  provider.alwaysBehave(FRESH, dead)
  sign(fresh)
  await expect(save()).rejects.toMatchObject({
    code: 'gone',
    verdict: 'never',
    message: expect.stringMatching(/fresh one that the provider gave is dead as well/),
  })
  expect([provider.hits(SIGN), provider.hits(RECORD)]).toEqual([1, 0])
})

test('a fresh link that fails in passing is tried again later', async () => {
  const { provider, save, sign, fresh } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  provider.behave(FRESH, { kind: 'answer', status: 503 })
  sign(fresh)
  await expect(save()).rejects.toMatchObject({ code: 'unavailable', verdict: 'later' })
  expect(await save()).toMatchObject({ status: 'saved' })
})

test('without a key nobody is asked, and the reason says what would help', async () => {
  const { provider, save } = await startSaving({ provider: 'none' })
  provider.alwaysBehave(OLD, DEAD)
  await expect(save()).rejects.toMatchObject({
    code: 'gone',
    verdict: 'never',
    message: expect.stringContaining('PROVIDER_API_KEY'),
  })
  expect(provider.hits(SIGN) + provider.hits(RECORD)).toBe(0)
})

test('with a key that is refused the stem is gone, and the reason names the key', async () => {
  const { provider, save } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  provider.alwaysBehave(SIGN, answer({ code: 401, msg: 'unauthorized' }))
  await expect(save()).rejects.toMatchObject({
    code: 'gone',
    verdict: 'never',
    message: expect.stringMatching(/Set a valid PROVIDER_API_KEY.*replay/),
  })
  await expect(save()).rejects.toMatchObject({ code: 'gone' })
  expect([provider.hits(SIGN), provider.hits(RECORD)]).toEqual([1, 0])
})

test.each<[string, Behaviour]>([
  ['is in trouble', { kind: 'answer', status: 500, body: 'oops' }],
  ['answers nonsense', { kind: 'answer', status: 200, body: '<html>hello</html>' }],
  ['is under maintenance', answer({ code: 455, msg: 'maintenance' })],
  ['hangs up', { kind: 'cut', afterBytes: 0 }],
])('while the API %s the stem waits, and comes home when it is back', async (_how, trouble) => {
  const { provider, save } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  provider.alwaysBehave(SIGN, trouble)
  provider.alwaysBehave(RECORD, trouble)
  await expect(save()).rejects.toMatchObject({
    code: 'unavailable',
    verdict: 'later',
    message: expect.stringMatching(/fresh link could not be asked for/),
  })
})

test('an API that cannot be reached is asked again later', async () => {
  const { provider, save } = await startSaving({ apiUrl: 'http://127.0.0.1:1' })
  provider.alwaysBehave(OLD, DEAD)
  await expect(save()).rejects.toMatchObject({ code: 'unavailable', verdict: 'later' })
})

test('when only signing is in trouble, the record helps; when it has no other link, the stem waits', async () => {
  const { provider, save, record, fresh } = await startSaving()
  provider.alwaysBehave(OLD, DEAD)
  provider.alwaysBehave(SIGN, { kind: 'answer', status: 500, body: 'oops' })
  record({ drumsUrl: provider.url + OLD })
  await expect(save()).rejects.toMatchObject({ code: 'unavailable', verdict: 'later' })
  record({ drumsUrl: fresh })
  expect(await save()).toMatchObject({ source_url: fresh })
})
