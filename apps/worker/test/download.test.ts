import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@stems/outgoing/client'
import { createUrlGuard, type UrlRules } from '@stems/outgoing/url-guard'
import { createFileStore } from '@stems/store/file-store'
import type { Part } from '@stems/store/stem-store'
import { expect, onTestFinished, test } from 'vitest'
import { mp3For } from '../../../test/stand-in/audio.ts'
import { type Behaviour, startStandInProvider } from '../../../test/stand-in/provider.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createDownload, type DownloadLimits } from '../src/download.ts'

const PATH = '/s/0b6f3c1e_Drums.mp3'

const startDownload = async ({
  stallMs = 60_000,
  maxBytes = 10_000_000,
  trickle = { bytes: 0, ms: 60_000 },
  ...rules
}: Partial<DownloadLimits & UrlRules> = {}) => {
  const provider = await startStandInProvider()
  onTestFinished(() => provider.close())
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-download-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const guard = createUrlGuard({
    allowedHosts: ['127.0.0.1'],
    allowedPorts: [443],
    allowPrivate: true,
    settingNames: { hosts: 'HOSTS', ports: 'PORTS' },
    ...rules,
  })
  const client = createDownload(createClient(guard), { maxBytes, stallMs, trickle })
  const store = createFileStore(folder)
  const steps: [number, number | null][] = []
  let part: Part = await store.createPart('task', 'drums')
  let note = (part: Part): Part['note'] => part.note
  const watched = (): Part => {
    return { ...part, note: note(part) }
  }
  const download = (path: string = PATH, signal = new AbortController().signal) =>
    client(URL.canParse(path) ? path : provider.url + path, watched(), {
      signal,
      progress: (...step) => steps.push(step),
    })
  /** Another attempt, with a part of its own, as another worker would make it. */
  const downloadAgain = async () => {
    await part.leave()
    return downloadAfterDeath()
  }
  /** The same, when the process of the attempt before was killed and could leave nothing in order. */
  const downloadAfterDeath = async () => {
    part = await store.createPart('task', 'drums')
    return download(LONG)
  }
  /** The next attempt ends as if its process were killed between its note and its first byte. */
  const stopAfterNote = () => {
    note =
      (of) =>
      async (...given) => {
        note = ({ note: usual }) => usual
        await of.note(...given)
        throw new Error('killed')
      }
  }
  return {
    provider,
    download,
    downloadAgain,
    downloadAfterDeath,
    stopAfterNote,
    folder,
    written: () => readFile(part.path),
    steps,
    path: () => part.path,
  }
}

const failing = (code: string, verdict: string, message = /./) =>
  expect.objectContaining({ code, verdict, message: expect.stringMatching(message) })

test('a file arrives byte for byte, with its length and its sha256', async () => {
  const { provider, download, written } = await startDownload()
  const sent = provider.file(`${PATH}?bytes=3000000`)

  expect(await download(`${PATH}?bytes=3000000`)).toEqual({
    bytes: sent.bytes,
    sha256: sent.sha256,
  })
  expect((await written()).equals(sent.body)).toBe(true)
})

test('progress grows up to the length that was promised', async () => {
  const { provider, download, steps } = await startDownload()
  const { bytes } = provider.file(`${PATH}?bytes=3000000`)
  await download(`${PATH}?bytes=3000000`)

  expect(steps.length).toBeGreaterThan(1)
  expect(steps.map(([at]) => at)).toEqual(steps.map(([at]) => at).sort((a, b) => a - b))
  expect(steps.at(-1)).toEqual([bytes, bytes])
})

test('a file of unknown length arrives, its progress without a total', async () => {
  const { provider, download, steps } = await startDownload()
  const { body, bytes, sha256 } = provider.file(PATH)
  provider.behave(PATH, { kind: 'answer', status: 200, headers: { 'transfer-encoding': 'chunked' }, body })

  expect(await download()).toMatchObject({ bytes, sha256 })
  expect(steps.at(-1)).toEqual([bytes, null])
})

test('the far side is told who asks and asked for plain bytes', async () => {
  const { provider, download } = await startDownload()
  await download()
  expect(provider.requests(PATH)).toMatchObject([
    { 'user-agent': expect.stringContaining('Stemkeeper'), 'accept-encoding': 'identity' },
  ])
})

test('bytes that the far side compressed all the same are kept as they came', async () => {
  const { provider, download, written } = await startDownload()
  const body = 'not really gzip'
  provider.behave(PATH, { kind: 'answer', status: 200, headers: { 'content-encoding': 'gzip' }, body })
  await download()
  expect(`${await written()}`).toBe(body)
})

const answer = (status: number, headers: Record<string, string> = {}): Behaviour => ({
  kind: 'answer',
  status,
  headers,
  body: 'no',
})

test.each([
  [400, 'refused', 'never'],
  [401, 'gone', 'refresh-url'],
  [402, 'refused', 'never'],
  [403, 'gone', 'refresh-url'],
  [404, 'gone', 'refresh-url'],
  [408, 'unavailable', 'later'],
  [410, 'gone', 'refresh-url'],
  [416, 'refused', 'never'],
  [422, 'refused', 'never'],
  [425, 'unavailable', 'later'],
  [429, 'rate_limited', 'later'],
  [451, 'refused', 'never'],
  [500, 'unavailable', 'later'],
  [502, 'unavailable', 'later'],
  [503, 'unavailable', 'later'],
  [504, 'unavailable', 'later'],
  [521, 'unavailable', 'later'],
  [599, 'unavailable', 'later'],
])('status %i is %s, verdict %s, after one request', async (status, code, verdict) => {
  const { provider, download } = await startDownload()
  provider.behave(PATH, answer(status))
  await expect(download()).rejects.toEqual(failing(code, verdict, new RegExp(`${status}`)))
  expect(provider.hits(PATH)).toBe(1)
})

test.each([204, 206, 203, 304])('status %i, which is neither an error nor a whole file, is no file', async (status) => {
  const { provider, download } = await startDownload()
  provider.behave(PATH, { kind: 'answer', status })
  await expect(download()).rejects.toEqual(failing('unavailable', 'later', new RegExp(`${status}`)))
})

test.each([429, 503])('the patience that a %i asks for in seconds is passed on', async (status) => {
  const { provider, download } = await startDownload()
  provider.behave(PATH, answer(status, { 'retry-after': '7' }))
  await expect(download()).rejects.toMatchObject({ retryAfterMs: 7000 })
})

test('the patience that an answer asks for with a date is passed on', async () => {
  const { provider, download } = await startDownload()
  provider.behave(PATH, answer(429, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }))
  const { retryAfterMs } = (await download().catch((error) => error)) as { retryAfterMs: number }
  expect(retryAfterMs).toBeGreaterThan(3_000_000)
  expect(retryAfterMs).toBeLessThanOrEqual(3_600_000)
})

test.each([0, 100])('a transfer cut after %i bytes of a promised length is truncated', async (afterBytes) => {
  const { provider, download } = await startDownload()
  provider.behave(PATH, { kind: 'cut', afterBytes })
  await expect(download()).rejects.toEqual(failing('truncated', 'later', /127\.0\.0\.1/))
})

test('a transfer of unknown length that is cut is truncated, not taken for whole', async () => {
  const { provider, download, steps } = await startDownload()
  const until = waitFor('the bytes have come', () => steps.length > 0)
  provider.behave(PATH, { kind: 'cut', afterBytes: 100, chunked: true, until })
  await expect(download()).rejects.toEqual(failing('truncated', 'later', /after 100 bytes/))
})

test.each<[string, Record<string, string>]>([
  ['with a length of 0', { 'content-length': '0' }],
  ['without a length', { 'transfer-encoding': 'chunked' }],
])('an empty body %s is truncated', async (_what, headers) => {
  const { provider, download } = await startDownload()
  provider.behave(PATH, { kind: 'answer', status: 200, headers })
  await expect(download()).rejects.toEqual(failing('truncated', 'later', /empty/))
})

test.each([0, 100])('a far side that falls silent after %i bytes has stalled', async (afterBytes) => {
  const { provider, download } = await startDownload({ stallMs: 500 })
  provider.behave(PATH, { kind: 'stall', afterBytes })
  await expect(download()).rejects.toEqual(failing('stalled', 'later', new RegExp(`after ${afterBytes} bytes`)))
  await waitFor('the connection is closed', () => provider.concurrency().now === 0)
})

test('a far side that never answers has stalled', async () => {
  const { provider, download } = await startDownload({ stallMs: 500 })
  provider.behave(PATH, { kind: 'wait', until: new Promise(() => {}) })
  await expect(download()).rejects.toEqual(failing('stalled', 'later'))
})

test('a far side that is slow but never silent for too long is waited for', async () => {
  const { provider, download } = await startDownload({ stallMs: 3000 })
  const { bytes } = provider.file(PATH)
  provider.behave(PATH, { kind: 'slow', bytesPerSecond: bytes * 2 })
  expect(await download()).toMatchObject({ bytes })
})

test('a far side where nobody listens cannot be reached', async () => {
  const { provider, download } = await startDownload()
  await provider.close()
  await expect(download()).rejects.toEqual(failing('network', 'later', /ECONNREFUSED/))
})

test('a host that has no address cannot be reached', async () => {
  const { download } = await startDownload({ allowedHosts: ['*'] })
  await expect(download('http://no-such-host.invalid/x.mp3')).rejects.toEqual(failing('network', 'later'))
})

test('a file as large as the cap is taken', async () => {
  const { provider } = await startDownload()
  const { bytes } = provider.file(PATH)
  const { download } = await startDownload({ maxBytes: bytes })
  expect(await download()).toMatchObject({ bytes })
})

test('a file that is said to be too large is refused unread, and its connection let go', async () => {
  const { provider, download, steps } = await startDownload({ maxBytes: 1000 })
  await expect(download(`${PATH}?bytes=50000000`)).rejects.toEqual(failing('too_large', 'never', /DOWNLOAD_MAX_BYTES/))
  expect(steps).toEqual([])
  await waitFor('the connection is closed', () => provider.concurrency().now === 0, { withinMs: 5000 })
})

test('a part of a file that nobody asked for is refused, and its connection let go', async () => {
  const { provider, download } = await startDownload()
  const body = Buffer.alloc(50_000_000)
  provider.behave(PATH, { kind: 'answer', status: 206, body })
  await expect(download()).rejects.toEqual(failing('unavailable', 'later', /206/))
  await waitFor('the connection is closed', () => provider.concurrency().now === 0, { withinMs: 5000 })
})

test('a file that grows too large without having said so is cut off', async () => {
  const { provider, download } = await startDownload({ maxBytes: 1000 })
  const body = Buffer.alloc(50_000_000)
  provider.behave(PATH, { kind: 'answer', status: 200, headers: { 'transfer-encoding': 'chunked' }, body })
  await expect(download()).rejects.toEqual(failing('too_large', 'never'))
  await waitFor('the connection is closed', () => provider.concurrency().now === 0, { withinMs: 5000 })
})

test('a redirect to an allowed host is followed', async () => {
  const { provider, download } = await startDownload()
  provider.behave('/old', { kind: 'redirect', to: PATH })
  expect(await download('/old')).toMatchObject({ sha256: provider.file(PATH).sha256 })
})

test.each([
  ['another host', 'http://localhost:1/x.mp3', 'localhost'],
  ['another host without a scheme', '//elsewhere.example/x.mp3', 'elsewhere.example'],
  ['an address of a cloud’s metadata', 'http://169.254.169.254/latest', '169.254.169.254'],
  ['a file', 'file:///etc/passwd', 'file:'],
  ['another protocol', 'ftp://127.0.0.1/x.mp3', '127.0.0.1.*ftp:'],
])('a redirect to %s is refused by name', async (_what, to, named) => {
  const { provider, download } = await startDownload()
  provider.behave('/old', { kind: 'redirect', to })
  await expect(download('/old')).rejects.toEqual(failing('blocked', 'never', new RegExp(named)))
})

test('a second redirect is judged like the first', async () => {
  const { provider, download } = await startDownload()
  provider.behave('/1', { kind: 'redirect', to: '/2' })
  provider.behave('/2', { kind: 'redirect', to: 'http://localhost:1/x.mp3' })
  await expect(download('/1')).rejects.toEqual(failing('blocked', 'never', /localhost/))
})

test('redirects in a circle come to an end', async () => {
  const { provider, download } = await startDownload()
  provider.alwaysBehave('/round', { kind: 'redirect', to: '/round' })
  await expect(download('/round')).rejects.toEqual(failing('network', 'later', /redirect/i))
  expect(provider.hits('/round')).toBeLessThanOrEqual(6)
})

test.each([
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0.0.0.0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[64:ff9b::7f00:1]',
  '[fd00::1]',
  '[fe80::1]',
  'localhost',
])('the star does not stand for the private address https://%s', async (host) => {
  const { download } = await startDownload({ allowedHosts: ['*'], allowPrivate: false })
  await expect(download(`https://${host}/x.mp3`)).rejects.toEqual(failing('blocked', 'never', /not a public one/))
})

test('a private address is refused even where it is listed', async () => {
  const { download } = await startDownload({ allowedHosts: ['127.0.0.1'], allowPrivate: false })
  await expect(download('https://127.0.0.1/x.mp3')).rejects.toEqual(failing('blocked', 'never'))
})

test('plain http is refused before anything is asked', async () => {
  const { provider, download } = await startDownload({ allowedHosts: ['*'], allowPrivate: false })
  await expect(download()).rejects.toEqual(failing('blocked', 'never', /not https/))
  expect(provider.hits(PATH)).toBe(0)
})

test.each<[string, Behaviour]>([
  ['before the answer', { kind: 'wait', until: new Promise(() => {}) }],
  ['in the middle of the body', { kind: 'stall', afterBytes: 100 }],
])('an abort %s interrupts the download and lets the connection go', async (_when, behaviour) => {
  const { provider, download } = await startDownload()
  provider.behave(PATH, behaviour)
  const controller = new AbortController()
  const downloading = download(PATH, controller.signal)
  downloading.catch(() => {})
  await waitFor('the request has come', () => provider.hits(PATH) === 1)
  controller.abort('shutdown')

  await expect(downloading).rejects.toEqual(failing('interrupted', 'later', /shutdown/))
  await waitFor('the connection is closed', () => provider.concurrency().now === 0, { withinMs: 5000 })
})

test('a download that is aborted before it begins is interrupted', async () => {
  const { download } = await startDownload()
  await expect(download(PATH, AbortSignal.abort('shutdown'))).rejects.toEqual(failing('interrupted', 'later'))
})

test.runIf(existsSync('/proc/self/fd'))('the file is closed when a download is cut', async () => {
  const { provider, download, path } = await startDownload()
  provider.behave(PATH, { kind: 'cut', afterBytes: 100 })
  await expect(download()).rejects.toThrow()
  const descriptors = await readdir('/proc/self/fd')
  const open = await Promise.all(descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  expect(open).not.toContain(path())
})

test('a disk that breaks fails the attempt in words, and not the process', async () => {
  const { download, folder } = await startDownload()
  await rm(join(folder, '.parts'), { recursive: true })
  await writeFile(join(folder, '.parts'), '')
  await expect(download()).rejects.toEqual(failing('store', 'later', /is no directory/))
})

const LONG = `${PATH}?bytes=3000000`

test('an attempt goes on where the one before it stopped', async () => {
  const { provider, download, downloadAgain, written } = await startDownload()
  provider.behave(LONG, { kind: 'cut', afterBytes: 2_500_000 })
  await expect(download(LONG)).rejects.toEqual(failing('truncated', 'later'))

  const { body, bytes, sha256 } = provider.file(LONG)
  expect(await downloadAgain()).toEqual({ bytes, sha256 })
  expect((await written()).equals(body)).toBe(true)
  const [, second] = provider.requests(LONG)
  expect(second?.range).toMatch(/^bytes=[1-9]\d*-$/)
  expect(second?.['if-range']).toMatch(/^"[0-9a-f]{16}"$/)
})

const OTHER = mp3For('/another/file.mp3')
test.each<[string, Behaviour]>([
  ['has another file by now', { kind: 'answer', status: 200, body: OTHER }],
  ['refuses the range', { kind: 'answer', status: 416 }],
  ['answers another range', answerPart('bytes 7-24000/24001')],
  ['answers a range without an end', answerPart('bytes 5000-6000/24001')],
  ['says nothing of the range', { kind: 'answer', status: 206, body: 'x' }],
])('an attempt starts afresh when the far side %s', async (_what, behaviour) => {
  const { provider, download, downloadAgain, written } = await startDownload()
  provider.behave(LONG, { kind: 'cut', afterBytes: 2_500_000 }, behaviour)
  await expect(download(LONG)).rejects.toThrow()

  await downloadAgain()
  expect(
    (await written()).equals(
      behaviour.kind === 'answer' && behaviour.status === 200 ? OTHER : provider.file(LONG).body,
    ),
  ).toBe(true)
})

test.each<[string, Record<string, string>]>([
  ['no validator', {}],
  ['only a weak ETag', { etag: 'W/"weak"', 'last-modified': new Date().toUTCString() }],
  ['an encoded body', { etag: '"strong"', 'content-encoding': 'gzip' }],
])('an attempt does not go on after an answer with %s', async (_what, headers) => {
  const { provider, download, downloadAgain } = await startDownload()
  const body = provider.file(LONG).body.subarray(0, 2_500_000)
  provider.behave(LONG, { kind: 'answer', status: 200, headers: { ...headers, 'content-length': '3000000' }, body })
  await expect(download(LONG)).rejects.toThrow()

  expect(await downloadAgain()).toMatchObject({ sha256: provider.file(LONG).sha256 })
  expect(provider.requests(LONG)[1]).not.toHaveProperty('range')
})

test('an attempt that is killed right after it met another file leaves nothing that a later one could mix with it', async () => {
  const { provider, download, downloadAgain, stopAfterNote } = await startDownload()
  provider.behave(LONG, { kind: 'cut', afterBytes: 2_500_000 })
  await expect(download(LONG)).rejects.toThrow()
  provider.behave(LONG, { kind: 'answer', status: 200, headers: { etag: '"other"' }, body: Buffer.alloc(3_000_000, 1) })
  stopAfterNote()
  await expect(downloadAgain()).rejects.toThrow('killed')

  expect(await downloadAgain()).toMatchObject({ sha256: provider.file(LONG).sha256 })
})

test('an attempt that gets no file leaves what an earlier one has fetched, as often as it happens', async () => {
  const { provider, download, downloadAgain } = await startDownload()
  provider.behave(LONG, { kind: 'cut', afterBytes: 2_500_000 }, answer(503), answer(429))
  await expect(download(LONG)).rejects.toThrow()
  for (const code of ['unavailable', 'rate_limited']) await expect(downloadAgain()).rejects.toMatchObject({ code })

  expect(await downloadAgain()).toMatchObject({ sha256: provider.file(LONG).sha256 })
  const [, second, ...later] = provider.requests(LONG).map(({ range }) => range)
  expect(second).toMatch(/^bytes=[1-9]\d*-$/)
  expect(later).toEqual([second, second])
})

test('an attempt that met another file, which nobody can go on from, leaves nothing of the first one’s note', async () => {
  const { provider, download, downloadAgain } = await startDownload()
  const headers = { 'content-length': '3000000' }
  const body = Buffer.alloc(2_500_000, 1)
  provider.behave(LONG, { kind: 'cut', afterBytes: 2_500_000 }, { kind: 'answer', status: 200, headers, body })
  await expect(download(LONG)).rejects.toThrow()
  await expect(downloadAgain()).rejects.toThrow()

  expect(await downloadAgain()).toMatchObject({ sha256: provider.file(LONG).sha256 })
  expect(provider.requests(LONG)[2]).not.toHaveProperty('range')
})

test('an attempt that is killed while it fetches the little that was missing keeps all that had come before', async () => {
  const { provider, download, downloadAgain, downloadAfterDeath, stopAfterNote } = await startDownload()
  provider.behave(LONG, { kind: 'cut', afterBytes: 2_500_000 })
  await expect(download(LONG)).rejects.toThrow()
  stopAfterNote()
  await expect(downloadAgain()).rejects.toThrow('killed')

  expect(await downloadAfterDeath()).toMatchObject({ sha256: provider.file(LONG).sha256 })
  const [, second, third] = provider.requests(LONG)
  expect(third?.range).toBe(second?.range)
})

test('a file that comes in a trickle does not hold its place for ever', async () => {
  const { provider, download } = await startDownload({ trickle: { bytes: 100_000, ms: 100 } })
  provider.behave(LONG, { kind: 'slow', bytesPerSecond: 10_000 })
  await expect(download(LONG)).rejects.toEqual(failing('stalled', 'later', /so slowly/))
})

function answerPart(range: string): Behaviour {
  return { kind: 'answer', status: 206, headers: { 'content-range': range }, body: 'x'.repeat(100) }
}
