import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { StemError } from '@stems/domain/errors'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type S3Proxy, startS3Proxy } from '../../../test/support/s3-proxy.ts'
import { type S3Server, startS3Server } from '../../../test/support/s3-server.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createS3Client } from '../src/s3-client.ts'
import { createS3Store, type S3StoreOptions } from '../src/s3-store.ts'
import { manifestOf, publish, testStemStore } from './stem-store.suite.ts'

const MIB = 1024 * 1024

let server: S3Server

beforeAll(async () => {
  server = await startS3Server()
})

afterAll(() => server?.close())

const emptyFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-parts-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const openWith = async (options: Partial<S3StoreOptions> = {}) => {
  const { settings, bucket } = server
  const all = {
    bucket,
    prefix: `${randomUUID()}/`,
    settings,
    partsFolder: await emptyFolder(),
    backoffMs: 10,
    ...options,
  }
  return { ...all, store: createS3Store(all), client: createS3Client(settings) }
}

const openThroughProxy = async (options: Partial<S3StoreOptions> = {}) => {
  const proxy = await startS3Proxy(server.settings.endpoint)
  onTestFinished(() => proxy.close())
  const settings = { ...server.settings, endpoint: proxy.url }
  return { proxy, ...(await openWith({ settings, ...options })) }
}

testStemStore('s3', async () => (await openWith()).store)

const contentOf = async (store: ReturnType<typeof createS3Store>, file = 'vocal.mp3') => {
  const opened = await store.open('task-1', file)
  return opened && `${await buffer(opened.stream())}`
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const inWords = (words: RegExp) =>
  expect.objectContaining({ code: 'store', verdict: 'later', message: expect.stringMatching(words) })

const puts = (proxy: S3Proxy) =>
  proxy.requests.filter(({ method, path }) => method === 'PUT' && path.includes('vocal.mp3'))

test('an object bears its sha256 and its content type, so that others can verify it too', async () => {
  const { store, client, bucket, prefix } = await openWith()
  await publish(store, 'task-1', 'vocal', 'some bytes')
  const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}task-1/vocal.mp3` }))
  expect(found).toMatchObject({ ContentType: 'audio/mpeg', Metadata: { sha256: sha256('some bytes') } })
})

test('the server is told the sha256 and the MD5 of what it should have received', async () => {
  const { store, proxy } = await openThroughProxy()
  await publish(store, 'task-1', 'vocal', 'some bytes')
  const digest = (name: string) => createHash(name).update('some bytes').digest('base64')
  expect(puts(proxy)[0]?.headers).toMatchObject({
    'x-amz-checksum-sha256': digest('sha256'),
    'content-md5': digest('md5'),
    'if-none-match': '*',
  })
})

test('a stem is found without its bytes being read, and by its bytes where somebody else laid it there', async () => {
  const { store, proxy, client, bucket, prefix } = await openThroughProxy()
  await publish(store, 'task-1', 'vocal', 'some bytes')
  await store.find('task-1', 'vocal')
  expect(proxy.requests.filter(({ method, path }) => method === 'GET' && !path.includes('list-type'))).toEqual([])

  await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}task-1/drums.mp3`, Body: 'laid there' }))
  expect(await store.find('task-1', 'drums')).toMatchObject({ bytes: 10, sha256: sha256('laid there') })
})

test('what somebody else laid into the bucket is not found as a stem', async () => {
  const { store, client, bucket, prefix } = await openWith()
  for (const name of ['vocal', 'vocal.mp3.bak', 'vocal.MP3', 'vocal.mp3/drums.mp3', 'vocal.part'])
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}task-1/${name}`, Body: 'x' }))
  expect(await store.find('task-1', 'vocal')).toBeUndefined()
})

test('a manifest that somebody broke is read as none, and can be replaced', async () => {
  const { store, client, bucket, prefix } = await openWith()
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key: `${prefix}task-1/manifest.json`, Body: '{"version":1,' }),
  )
  expect(await store.readManifest('task-1')).toBeUndefined()
  await store.writeManifest(manifestOf('task-1'))
  expect(await store.readManifest('task-1')).toEqual(manifestOf('task-1'))
})

test('tasks whose ids differ only by case keep apart', async () => {
  const { store } = await openWith()
  await publish(store, 'ABC', 'vocal', 'of ABC')
  expect(await store.find('abc', 'vocal')).toBeUndefined()
})

test('a part is a file of this machine, and gone once its bytes are in the bucket', async () => {
  const { store, partsFolder } = await openWith()
  const { part } = await publish(store, 'task-1', 'vocal', 'some bytes')
  expect(part.path.startsWith(partsFolder)).toBe(true)
  expect(await readdir(partsFolder)).toEqual([])
})

test('a large file goes up whole, with its sha256 beside it, and does not take the place of one that is there', async () => {
  const large = (letter: string) => letter.repeat(120 * MIB)
  const { store, proxy } = await openThroughProxy()
  await publish(store, 'task-1', 'vocal', large('a'))
  expect((await publish(store, 'task-1', 'vocal', large('b'))).file).toBeUndefined()
  expect(await store.find('task-1', 'vocal')).toMatchObject({ bytes: 120 * MIB, sha256: sha256(large('a')) })
  expect(puts(proxy)).toHaveLength(2)
})

describe('when things go wrong on the way', () => {
  test('bytes that arrived are ours though the answer was lost', async () => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(() => (puts(proxy).length === 1 ? 'lose-answer' : 'pass'))
    expect((await publish(store, 'task-1', 'vocal', 'some bytes')).file).toBe('vocal.mp3')
    expect(puts(proxy)).toHaveLength(2)
    expect(await contentOf(store)).toBe('some bytes')
  })

  test('a server that asks for fewer requests gets the file a moment later', async () => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(() => (puts(proxy).length < 3 ? { status: 503, code: 'SlowDown' } : 'pass'))
    expect((await publish(store, 'task-1', 'vocal', 'some bytes')).file).toBe('vocal.mp3')
    expect(await contentOf(store)).toBe('some bytes')
  })

  test('a server that goes on asking for fewer requests is believed, and the attempt made again later', async () => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(() => ({ status: 503, code: 'SlowDown' }))
    await expect(publish(store, 'task-1', 'vocal', 'x')).rejects.toEqual(
      inWords(/asks for fewer requests \(SlowDown\)/),
    )
  })

  test('two conditional writes that met are made again', async () => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(() => (puts(proxy).length === 1 ? { status: 409, code: 'ConditionalRequestConflict' } : 'pass'))
    expect((await publish(store, 'task-1', 'vocal', 'some bytes')).file).toBe('vocal.mp3')
  })

  test('a server that does not know conditions is asked what is there before each upload', async () => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(({ headers }) => (headers['if-none-match'] ? { status: 501, code: 'NotImplemented' } : 'pass'))
    expect((await publish(store, 'task-1', 'vocal', 'first')).file).toBe('vocal.mp3')
    expect((await publish(store, 'task-1', 'vocal', 'second')).file).toBeUndefined()
    expect(await contentOf(store)).toBe('first')
    await store.check()
  })

  test('a server that takes no notice of conditions is found out by the first check', async () => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(({ path }) => (path.includes('.writable') ? { status: 200 } : 'pass'))
    await store.check()
    await publish(store, 'task-1', 'vocal', 'first')
    expect((await publish(store, 'task-1', 'vocal', 'second')).file).toBeUndefined()
    expect(puts(proxy)).toHaveLength(1)
    expect(puts(proxy)[0]?.headers['if-none-match']).toBeUndefined()
  })

  test('a connection that breaks while a file is read is made again from where it broke', async () => {
    const { store, proxy } = await openThroughProxy()
    const text = Array.from({ length: 100_000 }, (_, n) => n).join()
    await publish(store, 'task-1', 'vocal', text)
    const cuts = [40_000, 1, 100_000]
    proxy.decide(({ method }) => (method === 'GET' && cuts.length > 0 ? { cutAfter: cuts.shift() ?? 0 } : 'pass'))
    expect(await contentOf(store)).toBe(text)
    expect(cuts).toEqual([])
  })

  test('a file that is replaced while it is read is not made of two', async () => {
    const { store } = await openWith()
    await publish(store, 'task-1', 'vocal', 'first')
    const opened = await store.open('task-1', 'vocal.mp3')
    await store.remove('task-1', 'vocal.mp3')
    await publish(store, 'task-1', 'vocal', 'other')
    await expect(opened && buffer(opened.stream())).rejects.toEqual(inWords(/was replaced while it was being read/))
  })

  test('a server that hangs does not hang whoever asks whether it is there', async () => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(() => 'hang')
    await expect(store.check()).rejects.toEqual(inWords(/does not answer: check the endpoint and the network/))
  })

  test.each([
    [{ status: 307, code: 'TemporaryRedirect' }, /TemporaryRedirect/],
    [{ status: 301, code: 'PermanentRedirect' }, /is in another region: set AWS_REGION \(PermanentRedirect\)/],
    [{ status: 403, code: 'RequestTimeTooSkewed' }, /has another time than this machine: set its clock/],
    [{ status: 403, code: 'AccessDenied' }, /may not be used with these credentials/],
    [{ status: 400, code: 'ExpiredToken' }, /the session token any more: it has expired/],
    [{ status: 507, code: 'XMinioStorageFull' }, /is full: free some space/],
    [{ status: 500, code: 'InternalError' }, /is overloaded or out of order \(InternalError, 500\)/],
    [{ status: 418, code: 'Odd' }, /refused a request \(Odd, 418\): as told/],
  ])('%j is told in words', async (fate, words) => {
    const { store, proxy } = await openThroughProxy()
    proxy.decide(() => fate)
    await expect(store.readManifest('task-1')).rejects.toEqual(inWords(words))
    await expect(store.check()).rejects.toEqual(inWords(words))
    await expect(publish(store, 'task-1', 'vocal', 'x')).rejects.toEqual(inWords(words))
  })
})

const WRONG: [string, () => Partial<S3StoreOptions>, RegExp][] = [
  [
    'whose secret key is wrong',
    () => ({
      settings: { ...server.settings, credentials: { ...server.settings.credentials, secretAccessKey: 'wrong' } },
    }),
    /check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY|may not be used with these credentials/,
  ],
  [
    'whose access key nobody knows',
    () => ({ settings: { ...server.settings, credentials: { accessKeyId: 'nobody', secretAccessKey: 'wrong' } } }),
    /check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY|may not be used with these credentials/,
  ],
  ['whose bucket is missing', () => ({ bucket: 'no-such-bucket' }), /has no bucket no-such-bucket: make it/],
  [
    'without a region',
    () => ({ settings: { ...server.settings, endpoint: undefined, region: '' } }),
    /is in no region that the AWS SDK knows: set AWS_REGION/,
  ],
  [
    'that nobody listens for',
    () => ({ settings: { ...server.settings, endpoint: 'http://127.0.0.1:1' } }),
    /cannot be reached: check the endpoint and the network \(ECONNREFUSED\)/,
  ],
]

test.each(WRONG)('a store %s says so in words, and repeats no secret', async (_what, options, words) => {
  const { store } = await openWith(options())
  const operations = [
    () => store.find('task-1', 'vocal'),
    () => publish(store, 'task-1', 'vocal', 'bytes'),
    () => store.writeManifest(manifestOf('task-1')),
    () => store.listOpen(0),
    () => store.sweepParts(0),
    () => store.check(),
  ]
  for (const operation of operations) {
    const failure = await operation().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StemError)
    expect(failure).toEqual(inWords(words))
    expect((failure as Error).message).not.toContain(server.settings.credentials.secretAccessKey)
  }
})

test('a folder of parts that cannot be written is told in words, by the name of its setting', async () => {
  const file = join(await emptyFolder(), 'file')
  await writeFile(file, '')
  const { store } = await openWith({ partsFolder: file })
  await expect(store.createPart('task-1', 'vocal')).rejects.toEqual(inWords(/^the folder of parts .* check PARTS_DIR/))
})

test('a removal that was cut short shows no manifest, and is finished by a later sweep; what came since then stays', async () => {
  const { store, proxy, client, bucket, prefix } = await openThroughProxy()
  for (const stem of ['drums', 'vocal']) await publish(store, 'task-1', stem, 'some bytes')
  await store.writeManifest(manifestOf('task-1'))
  proxy.decide(({ method, path }) =>
    method === 'DELETE' && path.includes('vocal') ? { status: 403, code: 'AccessDenied' } : 'pass',
  )
  await expect(store.removeSeparation('task-1')).rejects.toEqual(inWords(/AccessDenied/))
  expect(await store.readManifest('task-1')).toBeUndefined()
  const noteWrittenAt = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}.leaving/task-1` }))
  const isLater = async () => {
    await publish(store, 'task-1', 'drums', 'anew')
    const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}task-1/drums.mp3` }))
    if ((found.LastModified ?? 0) > (noteWrittenAt.LastModified ?? 0)) return true
    await store.remove('task-1', 'drums.mp3')
    return false
  }
  await waitFor('a stem is saved in another second', isLater)

  proxy.decide(() => 'pass')
  await store.sweepParts(3600_000)
  expect(await store.find('task-1', 'vocal')).toBeDefined()
  await store.sweepParts(-60_000)

  expect(await store.find('task-1', 'vocal')).toBeUndefined()
  expect(await contentOf(store, 'drums.mp3')).toBe('anew')
})
