import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { StemError } from '@stems/domain/errors'
import { expect, onTestFinished, test } from 'vitest'
import { createFileStore } from '../src/file-store.ts'

const DISK_BYTES = 4 * 1024 * 1024
const PAGE_BYTES = 4096

const emptyFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-part-'))
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

const inPieces = (bytes: Buffer, size: number): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size)),
  )

test('bytes that come in any pieces are written in order, from the start or after those that are there', async () => {
  const part = await createFileStore(await emptyFolder()).createPart('task-1', 'vocal')
  const bytes = randomBytes(300_000)
  await part.write(inPieces(bytes, 7777), 0)
  expect((await readFile(part.path)).equals(bytes)).toBe(true)

  const rest = randomBytes(100_000)
  await part.write(inPieces(rest, 999), 300_000)
  expect((await readFile(part.path)).equals(Buffer.concat([bytes, rest]))).toBe(true)

  await part.write(inPieces(rest, 999), 0)
  expect((await readFile(part.path)).equals(rest)).toBe(true)
})

test('a disk that is full for a moment fails the write or takes every byte once, never some of them twice', async () => {
  const folder = await emptyFolder()
  if (!mountSmallDisk(folder)) console.log('no file system can be mounted here: the disk of this test never gets full')
  const part = await createFileStore(folder).createPart('task-1', 'vocal')
  const ballast = join(folder, 'ballast')
  const outcomes = new Set<string>()
  for (let round = 0; round < 300; round++) {
    const bytes = randomBytes(171_201)
    await rm(part.path, { force: true })
    await writeFile(ballast, Buffer.alloc(DISK_BYTES - PAGE_BYTES * (5 + (round % 60))))
    const freed = rm(ballast, { force: true })
    const outcome = await part.write(inPieces(bytes, 20_000), 0).then(
      async () => ((await readFile(part.path)).equals(bytes) ? 'whole' : 'corrupt'),
      ({ message }: StemError) => /is full/.exec(message)?.[0] ?? message,
    )
    outcomes.add(outcome)
    await freed
  }
  expect([...outcomes].filter((outcome) => !['whole', 'is full'].includes(outcome))).toEqual([])
})
