import { execFileSync } from 'node:child_process'
import { watch } from 'node:fs'
import {
  chmod,
  type FileHandle,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { StemError } from '@stems/domain/errors'
import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createFileStore } from '../src/file-store.ts'
import { createSpool } from '../src/spool.ts'
import { asNobody } from './as-nobody.ts'
import { standInForSync } from './stand-in-for-sync.ts'
import { analysisOf, manifestOf, peaksOf, publish, testStemStore } from './stem-store.suite.ts'

const emptyFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-store-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

testStemStore('file', async () => createFileStore(await emptyFolder()))

test('a directory that is not there yet is made with the first stem', async () => {
  const root = join(await emptyFolder(), 'deep', 'down')
  await publish(createFileStore(root), 'task-1', 'vocal', 'bytes')
  expect((await readdir(root, { recursive: true })).sort()).toEqual(['.parts', 'task-1', 'task-1/vocal.mp3'])
})

test.each<[string, (folder: string) => Promise<unknown>]>([
  ['a store', (folder) => publish(createFileStore(folder), 'task-1', 'vocal', 'bytes')],
  ['a store that is checked', (folder) => createFileStore(folder).check()],
  ['a spool', (folder) => createSpool(folder, 1000).open()],
])('every folder that is made on the way to %s reaches the disk', async (_what, make) => {
  const above = await emptyFolder()
  const synced = await watchSyncs()
  await make(join(above, 'deep', 'deeper', 'down'))
  const inodes = await Promise.all(['', 'deep', 'deep/deeper'].map((folder) => stat(join(above, folder))))
  expect(synced).toEqual(expect.arrayContaining(inodes.map(({ ino }) => ino)))
})

test('no stem is home in a folder whose own name did not reach the disk, and the next attempt sees to it', async () => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  const attempt = () => publish(store, 'task-1', 'vocal', 'bytes')
  const other = await store.createPart('task-1', 'drums')
  await other.write(Readable.from([Buffer.from('bytes')]), 0)
  const sync = await standInForSync()
  let published: Promise<unknown> = Promise.resolve()
  sync.mockImplementationOnce(async () => {}) // that of the bytes
  sync.mockImplementationOnce(async () => {
    published = other.publish('mp3')
    published.catch(() => {})
    throw Object.assign(new Error('the disk breaks'), { code: 'EIO' })
  })
  await expect(attempt()).rejects.toEqual(STORE_FAILURE(/has a failing disk/))
  await expect(published).rejects.toEqual(STORE_FAILURE(/has a failing disk/))

  const synced = await watchSyncs()
  await attempt()
  expect(synced).toContain((await stat(root)).ino)
})

test('a finished separation leaves its files and nothing else', async () => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  await Promise.all(['one', 'two', 'three'].map((text) => publish(store, 'task-1', 'vocal', text))).then((all) =>
    Promise.all(all.map(({ part }) => part.discard())),
  )
  await store.writeManifest(manifestOf('task-1'))
  expect((await readdir(join(root, 'task-1'))).sort()).toEqual(['manifest.json', 'vocal.mp3'])
})

test('a part lies in the store but in no separation, so that nobody takes it for a stem', async () => {
  const root = await emptyFolder()
  const part = await createFileStore(root).createPart('task-1', 'vocal')
  expect(part.path.startsWith(join(root, '.parts/'))).toBe(true)
  expect(part.path.endsWith('.part')).toBe(true)
})

test('a part that was discarded after it could not be written to its end leaves nothing', async () => {
  const root = await emptyFolder()
  const part = await createFileStore(root).createPart('task-1', 'vocal')
  const cut = async function* () {
    yield Buffer.from('some ')
    throw new Error('cut')
  }
  await expect(part.write(cut(), 0)).rejects.toThrow('cut')
  await part.discard()
  expect(await readdir(join(root, '.parts'))).toEqual([])
})

test('the sha256 is that of the bytes as they lie there now', async () => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  await publish(store, 'task-1', 'vocal', 'whole')
  const before = await store.find('task-1', 'vocal')
  await writeFile(join(root, 'task-1/vocal.mp3'), 'wh0le')
  expect((await store.find('task-1', 'vocal'))?.sha256).not.toBe(before?.sha256)
})

test.each([
  ['is empty', ''],
  ['is cut short', '{"version":1,'],
  ['is of another version', '{"version":2}'],
  ['is no object', 'null'],
])('a manifest that %s is read as none, and can be replaced', async (_what, text) => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  await store.writeManifest(manifestOf('task-1'))
  await writeFile(join(root, 'task-1/manifest.json'), text)
  expect(await store.readManifest('task-1')).toBeUndefined()

  await store.writeManifest(manifestOf('task-1'))
  expect(await store.readManifest('task-1')).toEqual(manifestOf('task-1'))
})

test('the manifest is JSON for people: indented, a line break at its end', async () => {
  const root = await emptyFolder()
  await createFileStore(root).writeManifest(manifestOf('task-1'))
  const text = await readFile(join(root, 'task-1/manifest.json'), 'utf8')
  expect(text).toBe(`${JSON.stringify(manifestOf('task-1'), null, 2)}\n`)
})

test('a manifest that cannot be written leaves no temporary file', async () => {
  const root = await emptyFolder()
  await mkdir(join(root, 'task-1/manifest.json/in-the-way'), { recursive: true })
  await expect(createFileStore(root).writeManifest(manifestOf('task-1'))).rejects.toThrow()
  expect(await readdir(join(root, 'task-1'))).toEqual(['manifest.json'])
})

test('what is being written lies in no separation until it is whole, so that a worker that is killed leaves nothing there', async () => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  await publish(store, 'task-1', 'vocal', 'bytes')
  const inTheFolder = new Set<string | null>()
  const watcher = watch(join(root, 'task-1'), (_event, name) => inTheFolder.add(name))
  onTestFinished(() => watcher.close())

  await store.writeManifest(manifestOf('task-1'))
  await store.writePeaks('task-1', 'vocal', peaksOf('a'.repeat(64)))
  await store.writeAnalysis('task-1', analysisOf('task-1'))

  await waitFor('all is seen', () => inTheFolder.has('analysis.json'))
  expect([...inTheFolder].sort()).toEqual(['analysis.json', 'manifest.json', 'vocal.peaks.json'])
})

test('what somebody else laid into the store is neither found nor opened as a stem', async () => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  for (const name of ['vocal', 'vocal.mp3.bak', '.vocal.mp3', 'Vocal.MP3', 'vocal.0b6f3c1e.part']) {
    await mkdir(join(root, 'task-1'), { recursive: true })
    await writeFile(join(root, 'task-1', name), 'x')
  }
  await mkdir(join(root, 'task-1/drums.mp3'))
  expect(await store.find('task-1', 'vocal')).toBeUndefined()
  expect(await store.open('task-1', 'drums.mp3')).toBeUndefined()
})

const STORE_FAILURE = (words: RegExp) =>
  expect.objectContaining({ code: 'store', verdict: 'later', message: expect.stringMatching(words) })

const everyOperation = (root: string): [string, () => Promise<unknown>][] => {
  const store = createFileStore(root)
  return [
    ['find', () => store.find('task-1', 'vocal')],
    ['createPart', () => store.createPart('task-1', 'vocal')],
    ['writeManifest', () => store.writeManifest(manifestOf('task-1'))],
    ['readManifest', () => store.readManifest('task-1')],
    ['open', () => store.open('task-1', 'vocal.mp3')],
    ['remove', () => store.remove('task-1', 'vocal.mp3')],
    ['check', () => store.check()],
  ]
}
const OPERATIONS = everyOperation('').map(([name]) => name)
const run = (root: string, name: string) => everyOperation(root).find(([known]) => known === name)?.[1]()

test.each(OPERATIONS)('%s says in words that the store is no directory', async (name) => {
  const file = join(await emptyFolder(), 'file')
  await writeFile(file, '')
  await expect(run(file, name)).rejects.toEqual(STORE_FAILURE(/file is no directory: check STORE_URL \([A-Z]+\)/))
})

test.each(OPERATIONS)('%s says in words that this user has no rights in the store', async (name) => {
  const folder = await emptyFolder()
  const root = join(folder, 'store')
  await publish(createFileStore(root), 'task-1', 'vocal', 'bytes')
  await chmod(folder, 0o000)
  onTestFinished(() => chmod(folder, 0o700))

  const failure = await asNobody(() =>
    run(root, name)?.then(
      () => undefined,
      (error: unknown) => error,
    ),
  )

  expect(failure).toBeInstanceOf(StemError)
  expect(failure).toEqual(STORE_FAILURE(/store may not be written by this user: check its owner and mode \(EACCES\)/))
})

test('a store that breaks before a part is written says so in words', async () => {
  const root = await emptyFolder()
  const part = await createFileStore(root).createPart('task-1', 'vocal')
  await putFileInPlaceOf(join(root, '.parts'))
  await expect(part.write(Readable.from([Buffer.from('bytes')]), 0)).rejects.toEqual(STORE_FAILURE(/is no directory/))
})

test('a store that breaks before a part is published says so in words', async () => {
  const root = await emptyFolder()
  const part = await createFileStore(root).createPart('task-1', 'vocal')
  await part.write(Readable.from([Buffer.from('bytes')]), 0)
  await writeFile(join(root, 'task-1'), '')
  await expect(part.publish('mp3')).rejects.toEqual(STORE_FAILURE(/is no directory/))
})

// CI is root, and cannot do without.
const onDisk = test.skipIf(process.getuid?.() !== 0 && !process.env.CI)

onDisk(
  'a store that becomes read-only before the first stem of a separation is published says so in words',
  async () => {
    const root = await emptyFolder()
    mountDisk(root)
    const part = await createFileStore(root).createPart('task-1', 'vocal')
    await part.write(Readable.from([Buffer.from('bytes')]), 0)
    execFileSync('mount', ['-o', 'remount,ro', root])
    await expect(part.publish('mp3')).rejects.toEqual(STORE_FAILURE(/is read-only: check how it is mounted \(EROFS\)/))
  },
)

test('a store that is over its quota says so in words, though Node has no name for that', async () => {
  const part = await createFileStore(await emptyFolder()).createPart('task-1', 'vocal')
  const { EDQUOT } = constants.errno
  const unnamed = `Unknown system error -${EDQUOT}`
  const sync = await standInForSync()
  sync.mockRejectedValue(Object.assign(new Error(`${unnamed}: ${unnamed}, fsync`), { code: unnamed, errno: -EDQUOT }))
  await expect(part.write(Readable.from([Buffer.from('bytes')]), 0)).rejects.toEqual(
    STORE_FAILURE(/is over its quota: free some space \(EDQUOT\)/),
  )
})

const mountDisk = (folder: string): void => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
}

const putFileInPlaceOf = async (folder: string) => {
  await rm(folder, { recursive: true })
  await writeFile(folder, '')
}

test('a store that breaks says its reason as the cause', async () => {
  const file = join(await emptyFolder(), 'file')
  await writeFile(file, '')
  await expect(createFileStore(file).createPart('task-1', 'vocal')).rejects.toMatchObject({
    cause: { code: 'ENOTDIR' },
  })
})

test('parts that nobody has written to for long are swept, those of today stay', async () => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  const [old, young] = [await store.createPart('task-1', 'vocal'), await store.createPart('task-1', 'drums')]
  for (const part of [old, young]) await part.write(Readable.from([Buffer.from('bytes')]), 0)
  await utimes(old.path, 0, 0)

  expect(await store.sweepParts(3600_000)).toBe(1)

  expect((await readdir(join(root, '.parts'))).map((name) => join(root, '.parts', name))).toEqual([young.path])
})

test('a note of an open separation stays however old, and what was cut short is swept', async () => {
  const root = await emptyFolder()
  const store = createFileStore(root)
  const receivedAt = '2026-01-01T00:00:00.000Z'
  await store.noteOpen({ taskId: 'task-1', type: 'unknown', code: 200, msg: '', receivedAt, stems: [] })
  await writeFile(join(root, '.parts/cut-short.part'), '{"task')
  for (const path of ['.open/task-1.json', '.parts/cut-short.part']) await utimes(join(root, path), 0, 0)

  expect(await store.sweepParts(3600_000)).toBe(1)

  expect(await readdir(join(root, '.open'))).toEqual(['task-1.json'])
  expect(await readdir(join(root, '.parts'))).toEqual([])
})

/** The inodes of what is synced from now on. */
const watchSyncs = async () => {
  const synced: number[] = []
  const sync = await standInForSync()
  sync.mockImplementation(async function (this: FileHandle) {
    synced.push((await this.stat()).ino)
  })
  return synced
}
