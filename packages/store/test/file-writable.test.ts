import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createFileWritable } from '../src/file-writable.ts'

const DISK_BYTES = 4 * 1024 * 1024
const PAGE_BYTES = 4096

const emptyFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-writable-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const mountSmallDisk = (folder: string): boolean => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return false
  }
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
  return true
}

const inPieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size))

test('bytes that come in any pieces are written in order, from the start or from an offset', async () => {
  const path = join(await emptyFolder(), 'file')
  const bytes = randomBytes(300_000)
  await pipeline(
    Readable.from(inPieces(bytes, 7777)),
    createFileWritable(path, 0, (error) => error),
  )
  expect((await readFile(path)).equals(bytes)).toBe(true)

  const rest = randomBytes(100_000)
  await pipeline(
    Readable.from(inPieces(rest, 999)),
    createFileWritable(path, 200_000, (error) => error),
  )
  expect((await readFile(path)).equals(Buffer.concat([bytes.subarray(0, 200_000), rest]))).toBe(true)
})

test('a disk that is full for a moment fails the write or takes every byte once, never some of them twice', async () => {
  const folder = await emptyFolder()
  if (!mountSmallDisk(folder)) console.log('no file system can be mounted here: the disk of this test never gets full')
  const path = join(folder, 'file')
  const ballast = join(folder, 'ballast')
  const outcomes = new Set<string>()
  for (let round = 0; round < 300; round++) {
    const bytes = randomBytes(171_201)
    await rm(path, { force: true })
    await writeFile(ballast, Buffer.alloc(DISK_BYTES - PAGE_BYTES * (5 + (round % 60))))
    const freed = rm(ballast, { force: true })
    const written = pipeline(
      Readable.from(inPieces(bytes, 20_000)),
      createFileWritable(path, 0, (error) => error),
    )
    const outcome = await written.then(
      async () => ((await readFile(path)).equals(bytes) ? 'whole' : 'corrupt'),
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    )
    outcomes.add(outcome)
    await freed
  }
  expect([...outcomes].filter((outcome) => !['whole', 'ENOSPC'].includes(outcome))).toEqual([])
})

test('a file that cannot be opened fails in words', async () => {
  const folder = await emptyFolder()
  await writeFile(join(folder, 'file'), '')
  const writable = createFileWritable(join(folder, 'file/below'), 0, () => new Error('in words'))
  await expect(pipeline(Readable.from([Buffer.from('x')]), writable)).rejects.toThrow('in words')
})
