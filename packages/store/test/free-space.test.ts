import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freeSpace } from '../src/free-space.ts'

const folder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'stemkeeper-space-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

test('a disk has some room, and no more than its size', async () => {
  const { free, total } = await freeSpace(await folder())
  expect(free).toBeGreaterThan(0)
  expect(total).toBeGreaterThanOrEqual(free)
})

test('a folder that is not there yet counts as the nearest one above it', async () => {
  const path = await folder()
  expect((await freeSpace(join(path, 'not', 'yet'))).total).toBe((await freeSpace(path)).total)
})

test('a file in the place of a folder does not hide the disk', async () => {
  const path = await folder()
  await writeFile(join(path, 'file'), '')
  expect((await freeSpace(join(path, 'file', 'stems'))).total).toBe((await freeSpace(path)).total)
})
