import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BusyHostError } from '@stems/domain/errors'
import { buildManifest, savedStemSchema } from '@stems/domain/manifest'
import { createClient } from '@stems/outgoing/client'
import { createUrlGuard } from '@stems/outgoing/url-guard'
import type { HostLimit } from '@stems/queue/host-limit'
import { createFileStore } from '@stems/store/file-store'
import type { StemStore } from '@stems/store/stem-store'
import { createLog } from '@stems/telemetry/log'
import { expect, onTestFinished, test } from 'vitest'
import { startStandInProvider } from '../../../test/stand-in/provider.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createDownload } from '../src/download.ts'
import { createFreshLink } from '../src/fresh-link.ts'
import { createWorkerMetrics } from '../src/metrics.ts'
import { createSaveStem } from '../src/save-stem.ts'

const NO_LIMIT: HostLimit = { acquire: async () => {}, pause: async () => {} }
const PATH = '/s/0b6f3c1e_Drums.mp3'

const startSaving = async (
  change: (store: StemStore, folder: string) => StemStore = (store) => store,
  hostLimit = NO_LIMIT,
) => {
  const provider = await startStandInProvider()
  onTestFinished(() => provider.close())
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-save-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const lines: Record<string, unknown>[] = []
  const store = createFileStore(folder)
  const metrics = createWorkerMetrics()
  const guard = createUrlGuard({
    allowedHosts: ['127.0.0.1', 'localhost'],
    allowedPorts: [443],
    allowPrivate: true,
    settingNames: { hosts: 'DOWNLOAD_ALLOWED_HOSTS', ports: 'DOWNLOAD_ALLOWED_PORTS' },
  })
  const saveStem = createSaveStem({
    store: change(store, folder),
    download: createDownload(createClient(guard), { maxBytes: 1_000_000, stallMs: 60_000 }),
    hostLimit,
    freshLink: createFreshLink(undefined),
    metrics,
    log: createLog('worker', 'info', { write: (line) => void lines.push(JSON.parse(line)) }),
  })
  const receivedAt = new Date().toISOString()
  const job = (path = PATH) => ({ taskId: 'task-1', stem: 'drums', url: provider.url + path, receivedAt })
  const save = (path = PATH, otherUrls?: string[]) =>
    saveStem(
      { ...job(path), ...(otherUrls ? { otherUrls } : {}) },
      { number: 1, signal: new AbortController().signal, progress: () => {}, leftMs: 3600_000, busyBackoffMs: 1234 },
    )
  const record = async (saved: Awaited<ReturnType<typeof save>>) => {
    const stems = [{ name: 'drums', url: saved.source_url }]
    const at = '2026-01-01T00:00:00.000Z'
    const separation = { taskId: 'task-1', type: 'unknown', code: 200, msg: '', receivedAt: at, stems } as const
    await store.writeManifest(buildManifest({ ...separation, stems }, new Map([['drums', saved]]), at))
  }
  const files = async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  }
  return { provider, folder, save, record, files, lines, metrics }
}

test('a stem is downloaded, checked, published and accounted for', async () => {
  const { provider, save, files, lines, metrics } = await startSaving()
  const sent = provider.file(PATH)
  const saved = await save()

  expect(savedStemSchema.parse(saved)).toMatchObject({
    file: 'drums.mp3',
    bytes: sent.bytes,
    sha256: sent.sha256,
    content_type: 'audio/mpeg',
    source_url: provider.url + PATH,
  })
  expect(await files()).toEqual(['drums.mp3'])
  expect(lines).toMatchObject([
    { msg: 'stem.attempted', taskId: 'task-1', stem: 'drums', attempt: 1, outcome: 'saved', bytes: sent.bytes },
  ])
  expect(await metrics.registry.metrics()).toContain('stemkeeper_stem_attempts_total{outcome="saved"} 1')
})

test('a stem that is home is not asked for again, recorded or not', async () => {
  const { provider, save, record } = await startSaving()
  const saved = await save()
  expect(await save()).toMatchObject({ ...saved, saved_at: expect.any(String) })
  await record(saved)
  expect(await save('/another/link.mp3')).toEqual(saved)
  expect([provider.hits(PATH), provider.hits('/another/link.mp3')]).toEqual([1, 0])
})

test('a stem whose bytes are no longer those of the manifest is fetched again', async () => {
  const { provider, folder, save, record, lines } = await startSaving()
  const saved = await save()
  await record(saved)
  await writeFile(join(folder, 'task-1/drums.mp3'), 'rot')

  expect(await save()).toMatchObject({ sha256: saved.sha256, bytes: saved.bytes })
  expect(provider.hits(PATH)).toBe(2)
  const bytes = await readFile(join(folder, 'task-1/drums.mp3'))
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(saved.sha256)
  expect(lines).toContainEqual(expect.objectContaining({ msg: expect.stringMatching(/^stem\.damaged/) }))
})

test('two who save the same stem at once agree on one file', async () => {
  const { save, files } = await startSaving()
  const [one, other] = await Promise.all([save(), save('/another/song.mp3')])
  expect([other.file, other.bytes, other.sha256]).toEqual([one.file, one.bytes, one.sha256])
  expect(await files()).toEqual(['drums.mp3'])
})

test.each([
  ['is no audio', { kind: 'answer', status: 200, body: '<html>no</html>' }, 'not_audio'],
  ['is gone', { kind: 'answer', status: 404 }, 'gone'],
  ['is too large', { kind: 'answer', status: 200, headers: { 'content-length': '9999999' } }, 'too_large'],
] as const)('a stem that %s leaves no file, no part, and one line that says why', async (_how, behaviour, code) => {
  const { provider, save, files, lines } = await startSaving()
  provider.behave(PATH, behaviour)
  await expect(save()).rejects.toMatchObject({ code })
  expect(await files()).toEqual([])
  expect(lines).toMatchObject([{ msg: 'stem.attempted', outcome: code, error: expect.any(String) }])
})

test.each([
  ['the host', 'http://elsewhere.example/x.mp3', 'elsewhere.example'],
  ['the scheme', 'ftp://127.0.0.1/x.mp3', '127.0.0.1'],
  ['the credentials', 'http://user:hunter2@127.0.0.1/x.mp3', '127.0.0.1'],
])(
  'a link that breaks the rule for %s is counted and warned of, and its stem leaves nothing',
  async (rule, to, host) => {
    const { provider, save, files, lines, metrics } = await startSaving()
    const reason = rule.split(' ')[1] as string
    provider.behave(PATH, { kind: 'redirect', to })
    await expect(save()).rejects.toMatchObject({ code: 'blocked', verdict: 'never', reason })

    expect(await files()).toEqual([])
    expect(lines).toMatchObject([
      { level: 'warn', msg: 'url.blocked', taskId: 'task-1', stem: 'drums', host, reason },
      { msg: 'stem.attempted', outcome: 'blocked' },
    ])
    expect(JSON.stringify(lines)).not.toContain('hunter2')
    expect(await metrics.registry.metrics()).toContain(`stemkeeper_blocked_urls_total{reason="${reason}"} 1`)
  },
)

test('every reason for a block has a figure from the start, so that an alert sees the first one', async () => {
  const { metrics } = await startSaving()
  const figures = (await metrics.registry.metrics()).match(/^stemkeeper_blocked_urls_total\{.*$/gm)
  expect(figures?.sort()).toEqual(
    ['address', 'credentials', 'host', 'port', 'scheme'].map(
      (reason) => `stemkeeper_blocked_urls_total{reason="${reason}"} 0`,
    ),
  )
})

test('a forged link does not cost a stem that a genuine one brings home, and is warned of all the same', async () => {
  const { provider, save, lines } = await startSaving()
  provider.behave('/forged', { kind: 'redirect', to: 'http://elsewhere.example/x.mp3' })
  expect(await save('/forged', [provider.url + PATH])).toMatchObject({ sha256: provider.file(PATH).sha256 })
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'warn', msg: 'url.blocked', host: 'elsewhere.example' }),
  )
})

test.each([
  ['answers 503', { kind: 'answer', status: 503 }],
  ['hangs up', { kind: 'cut', afterBytes: 0 }],
  ['claims to be too large', { kind: 'answer', status: 200, headers: { 'content-length': '9999999' } }],
  ['is refused for good', { kind: 'answer', status: 400 }],
] as const)('a link that %s does not keep the others from being tried', async (_how, behaviour) => {
  const { provider, save } = await startSaving()
  provider.alwaysBehave('/forged', behaviour)
  expect(await save('/forged', [provider.url + PATH])).toMatchObject({ source_url: provider.url + PATH })
})

test('when no link serves, the failure is that of the one that may serve soonest', async () => {
  const { provider, save } = await startSaving()
  const [gone, busy, patient] = ['/gone', '/busy', '/patient'].map((path) => provider.url + path) as [
    string,
    string,
    string,
  ]
  provider.behave('/gone', { kind: 'answer', status: 404 })
  provider.behave('/patient', { kind: 'answer', status: 429, headers: { 'retry-after': '3600' } })
  provider.behave('/busy', { kind: 'answer', status: 429, headers: { 'retry-after': '5' } })
  await expect(save('/gone', [patient, busy])).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 5000 })
  provider.behave('/gone', { kind: 'answer', status: 404 })
  provider.behave('/busy', { kind: 'answer', status: 400 })
  await expect(save('/busy', [gone])).rejects.toMatchObject({ code: 'gone' })
})

test('a stem that is cut leaves what has come for the next attempt, which leaves nothing but the stem', async () => {
  const long = `${PATH}?bytes=900000`
  const { provider, folder, save, files } = await startSaving()
  // What is still in memory when the connection breaks is lost, which is no matter but to this test.
  const until = waitFor('bytes are on the disk', async () => {
    const parts = (await readdir(join(folder, '.parts')).catch(() => [])).filter((name) => name.endsWith('.part'))
    const sizes = await Promise.all(parts.map(async (name) => (await stat(join(folder, '.parts', name))).size))
    return sizes.some((size) => size > 0)
  })
  provider.behave(long, { kind: 'cut', afterBytes: 700_000, until })
  await expect(save(long)).rejects.toMatchObject({ code: 'truncated' })
  expect((await files()).map((name) => name.split('.').at(-1)).sort()).toEqual(['json', 'left'])

  expect(await save(long)).toMatchObject({ sha256: provider.file(long).sha256 })
  expect(provider.requests(long)[1]?.range).toMatch(/^bytes=\d+-$/)
  expect(await files()).toEqual(['drums.mp3'])
})

test('a store that breaks in the middle of an attempt fails it with its own words', async () => {
  const { save, lines } = await startSaving((store, folder) => ({
    ...store,
    createPart: async (...given) => {
      const part = await store.createPart(...given)
      const broken = async () => {
        await writeFile(join(folder, 'task-1'), '')
      }
      return { ...part, publish: async (extension) => broken().then(() => part.publish(extension)) }
    },
  }))
  await expect(save()).rejects.toMatchObject({ code: 'store', verdict: 'later' })
  expect(lines).toMatchObject([{ outcome: 'store' }])
})

/** A host limit that notes what it is told, and lets no request to some paths be sent. */
const notedLimit = (isPaused: (path: string) => boolean = () => false) => {
  const noted: string[] = []
  const hostLimit: HostLimit = {
    acquire: async (link) => {
      const { pathname, host } = new URL(link)
      if (isPaused(pathname)) throw new BusyHostError('pause', host, 1000)
      noted.push(`acquired ${pathname}`)
    },
    pause: async (hosts, ms) => {
      noted.push(`paused ${[...new Set(hosts)].map((host) => new URL(`http://${host}`).hostname)} for ${ms} ms`)
    },
  }
  return { noted, hostLimit }
}

test('each request asks the limit of its host, and a stem that is stored asks none', async () => {
  const { noted, hostLimit } = notedLimit()
  const { provider, save } = await startSaving(undefined, hostLimit)
  provider.behave('/dead', { kind: 'answer', status: 404 })
  await save('/dead', [provider.url + PATH])
  await save()
  expect(noted).toEqual(['acquired /dead', `acquired ${PATH}`])
})

test.each([429, 503])('a host that answers %i with Retry-After is paused for that long', async (status) => {
  const { noted, hostLimit } = notedLimit()
  const { provider, save } = await startSaving(undefined, hostLimit)
  provider.behave(PATH, { kind: 'answer', status, headers: { 'retry-after': '7' } })
  await expect(save()).rejects.toMatchObject({ name: 'StemError', retryAfterMs: 7000 })
  expect(noted).toEqual([`acquired ${PATH}`, 'paused 127.0.0.1 for 7000 ms'])
})

test('a host to which a redirect led is paused together with the one of the link', async () => {
  const { noted, hostLimit } = notedLimit()
  const { provider, save } = await startSaving(undefined, hostLimit)
  const to = `${provider.url.replace('127.0.0.1', 'localhost')}/elsewhere`
  provider.behave(PATH, { kind: 'redirect', to })
  provider.behave('/elsewhere', { kind: 'answer', status: 429, headers: { 'retry-after': '7' } })
  await expect(save()).rejects.toMatchObject({ code: 'rate_limited' })
  expect(noted).toEqual([`acquired ${PATH}`, 'paused 127.0.0.1,localhost for 7000 ms'])
})

test('a 503 without Retry-After is an attempt like any other; a 429 without it pauses the host for the backoff', async () => {
  const { noted, hostLimit } = notedLimit()
  const { provider, save } = await startSaving(undefined, hostLimit)
  const busyAtOnce = { kind: 'answer', status: 429, headers: { 'retry-after': '0' } } as const
  provider.behave(PATH, { kind: 'answer', status: 503 }, { kind: 'answer', status: 429 }, busyAtOnce)
  await expect(save()).rejects.not.toBeInstanceOf(BusyHostError)
  await expect(save()).rejects.toBeInstanceOf(BusyHostError)
  await expect(save()).rejects.toBeInstanceOf(BusyHostError)
  const asked = `acquired ${PATH}`
  const paused = 'paused 127.0.0.1 for 1234 ms'
  expect(noted).toEqual([asked, asked, paused, asked, paused])
})

test('a paused host does not keep a link to another from being tried', async () => {
  const { hostLimit } = notedLimit((path) => path === '/later')
  const { provider, save } = await startSaving(undefined, hostLimit)
  expect(await save('/later', [provider.url + PATH])).toMatchObject({ sha256: provider.file(PATH).sha256 })
  expect(provider.hits('/later')).toBe(0)
})

test('as long as the host of one link is paused the stem waits, whatever the other links answer', async () => {
  const { hostLimit } = notedLimit((path) => path === '/later')
  const { provider, save, files, lines } = await startSaving(undefined, hostLimit)
  provider.behave('/dead', { kind: 'answer', status: 404 })
  const paused = { name: 'StemError', reason: 'pause', retryAfterMs: 1000 }
  await expect(save('/later')).rejects.toMatchObject(paused)
  await expect(save('/later', [`${provider.url}/dead`])).rejects.toMatchObject(paused)
  expect(await files()).toEqual([])
  expect(lines).not.toContainEqual(expect.objectContaining({ msg: 'stem.attempted' }))
})
