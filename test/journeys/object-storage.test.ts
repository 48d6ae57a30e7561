import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '@stems/store/open-store'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

let server: S3Server

beforeAll(async () => {
  server = await startS3Server()
})

afterAll(() => server?.close())

/** A system whose workers share nothing but Redis and a bucket: each has a folder of parts of its own, as on its own machine. */
const startOnBucket = async ({ workers = 1, worker = {} } = {}) => {
  const storeUrl = `s3://${server.bucket}/${randomUUID()}`
  const partsFolder = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-parts-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    return folder
  }
  const shared = { ...server.env, STORE_URL: storeUrl }
  const system = await startSystem({ workers: 0, worker: { ...shared, ...worker }, board: shared })
  const addWorker = async (more: Record<string, string> = {}) => {
    const folder = await partsFolder()
    return { folder, app: await system.addWorker({ PARTS_DIR: folder, ...more }) }
  }
  const store = await openStore(storeUrl, { s3: server.settings })
  return {
    ...system,
    addWorker,
    store,
    started: await Promise.all(Array.from({ length: workers }, () => addWorker())),
    finished: (taskId: string) => waitFor(`the manifest of ${taskId}`, () => store.readManifest(taskId)),
  }
}

const bytesIn = async (folder: string): Promise<number> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.part'))
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const sha256 = (bytes: ArrayBuffer) => createHash('sha256').update(new Uint8Array(bytes)).digest('hex')

test('a separation is brought home to a bucket, and the board serves it from there, ranges too', async () => {
  const { post, provider, finished, store, addBoard, started } = await startOnBucket({ workers: 2 })
  const callback = documentedPayload('split-stem', { files: provider.url })
  const taskId = callback.data.task_id

  expect((await post(callback)).body).toEqual({ status: 'accepted' })
  const manifest = await finished(taskId)

  expect(manifest.status).toBe('complete')
  const board = await addBoard()
  const ask = (file: string, headers: Record<string, string> = {}) =>
    fetch(`${board.url}/files/${taskId}/${file}`, {
      headers: { authorization: `Basic ${btoa('admin:a-password-for-tests')}`, ...headers },
    })
  for (const [stem, link] of Object.entries(stemLinks(callback))) {
    const served = provider.file(link.slice(provider.url.length))
    expect(manifest.stems[stem]).toMatchObject({ status: 'saved', bytes: served.bytes, sha256: served.sha256 })
    expect(await store.find(taskId, stem)).toMatchObject({ bytes: served.bytes, sha256: served.sha256 })
    expect(sha256(await (await ask(`${stem}.mp3`)).arrayBuffer())).toBe(served.sha256)
  }
  const drums = provider.file(stemLinks(callback).drums?.slice(provider.url.length) ?? '')
  const range = await ask('drums.mp3', { range: 'bytes=100-199' })
  expect([range.status, range.headers.get('content-range')]).toEqual([206, `bytes 100-199/${drums.bytes}`])
  expect(Buffer.from(await range.arrayBuffer())).toEqual(drums.body.subarray(100, 200))
  const etag = range.headers.get('etag') ?? ''
  expect((await ask('drums.mp3', { 'if-none-match': etag })).status).toBe(304)
  expect((await ask('drums.mp3', { range: 'bytes=999999999-' })).status).toBe(416)
  expect(await (await ask('manifest.json')).json()).toEqual(manifest)
  expect((await ask('flute.mp3')).status).toBe(404)
  for (const { folder } of started) expect(await readdir(folder)).toEqual([])
})

test('waveforms and audio facts are stored in the bucket too, and the board serves them', async () => {
  const { post, provider, store, addBoard } = await startOnBucket({ workers: 1, worker: { ANALYZE_STEMS: 'true' } })
  const vocal_separation_info = { vocal_url: `${provider.url}/s/x_Vocals.mp3` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'heard', vocal_separation_info } })
  const analysis = await waitFor('the analysis of its stem', () => store.readAnalysis('heard'))
  expect(analysis.stems.vocal?.audio).toMatchObject({ duration_seconds: 3, loudness_lufs: -16.2 })
  const board = await addBoard()
  const served = await board.ask('/files/heard/vocal.peaks.json')
  expect(served).toEqual({ status: 200, body: await store.readPeaks('heard', 'vocal') })
  expect(await board.ask('/files/heard/analysis.json')).toEqual({ status: 200, body: analysis })
  const { body } = await board.ask('/api/separations/heard')
  expect(body.manifest.stems.vocal.audio).toEqual(analysis.stems.vocal?.audio)
})

test('a stem whose worker died with its machine is brought home by another, which starts it afresh', async () => {
  const LINK = '/s/vocal.mp3?bytes=3000000'
  const { post, provider, finished, addWorker, started } = await startOnBucket({
    worker: { DOWNLOAD_STALL_MS: '60000' },
  })
  provider.behave(LINK, { kind: 'stall', afterBytes: 2_500_000 })
  const vocal_separation_info = { vocal_url: provider.url + LINK }
  await post({ code: 200, msg: 'ok', data: { task_id: 'died', vocal_separation_info } })
  const [{ folder, app }] = started as [(typeof started)[0]]
  await waitFor('its bytes are on that machine', async () => (await bytesIn(folder)) === 2_500_000)

  await app.stop('SIGKILL')
  await addWorker()

  const { bytes, sha256: served } = provider.file(LINK)
  expect(await finished('died')).toMatchObject({ status: 'complete', stems: { vocal: { bytes, sha256: served } } })
  expect(provider.requests(LINK)[1]).not.toHaveProperty('range')
})

test('an attempt that failed is gone on with on the same machine', async () => {
  const LINK = '/s/vocal.mp3?bytes=3000000'
  const { post, provider, finished } = await startOnBucket({ workers: 1 })
  provider.behave(LINK, { kind: 'cut', afterBytes: 2_000_000 })
  const vocal_separation_info = { vocal_url: provider.url + LINK }
  await post({ code: 200, msg: 'ok', data: { task_id: 'cut', vocal_separation_info } })
  expect(await finished('cut')).toMatchObject({
    status: 'complete',
    stems: { vocal: { sha256: provider.file(LINK).sha256 } },
  })
  // What was on its way when the line was cut did not arrive, so that the second attempt may begin a little earlier.
  expect(provider.requests(LINK)[1]?.range).toMatch(/^bytes=[1-9]\d*-$/)
})

test('a worker whose bucket cannot be reached starts, and says in words why it is not ready', async () => {
  const { addWorker } = await startOnBucket({ workers: 0 })
  const { app } = await addWorker({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' })
  const ready = await fetch(`${app.url}/readyz`)
  expect(ready.status).toBe(503)
  expect(await ready.text()).toMatch(/cannot be reached: check the endpoint and the network/)
  expect((await fetch(`${app.url}/livez`)).status).toBe(200)
  expect(app.output()).not.toContain(server.settings.credentials.secretAccessKey)
})
