import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createOpenNotes } from '../src/open-notes.ts'

test('a note that cannot be written leaves nothing half-written behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-notes-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const notes = createOpenNotes(folder, folder)
  await mkdir(join(folder, 'task-1.json')) // in the place of the note
  const receivedAt = '2026-01-01T00:00:00.000Z'

  const noted = notes.noteOpen({ taskId: 'task-1', type: 'unknown', code: 200, msg: '', receivedAt, stems: [] })

  await expect(noted).rejects.toThrow(/EISDIR|ENOTEMPTY/)
  expect(await readdir(folder)).toEqual(['task-1.json'])
})

test('a task id that leads elsewhere neither writes a note there nor takes one away', async () => {
  const root = await mkdtemp(join(tmpdir(), 'stemkeeper-notes-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const folder = join(root, 'notes')
  const notes = createOpenNotes(folder, folder)
  await writeFile(join(root, 'x.json'), 'not ours') // the note of `../x`, were there one
  const receivedAt = '2026-01-01T00:00:00.000Z'

  const noted = notes.noteOpen({ taskId: '../x', type: 'unknown', code: 200, msg: '', receivedAt, stems: [] })

  await expect(noted).rejects.toThrow('must be 1 to 128 characters')
  await expect(notes.noteClosed('../x')).rejects.toThrow('must be 1 to 128 characters')
  expect(await readdir(root)).toEqual(['x.json'])
})
