import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { stemNameSchema } from '@stems/domain/stem-name'
import { taskIdSchema } from '@stems/domain/task-id'
import { createDocuments } from './documents.ts'
import { linkDurably, makeFolder, sweepParts, writeDurably } from './durable-file.ts'
import { contentTypeOf, isPublishedFileName, isReadableFileName, MANIFEST_FILE, peaksFileName } from './file-name.ts'
import { createFilePart } from './file-part.ts'
import { createFileRetention } from './file-retention.ts'
import { freeSpace } from './free-space.ts'
import { ignoreMissing } from './missing.ts'
import { createOpenNotes } from './open-notes.ts'
import type { StemStore } from './stem-store.ts'
import { explainDisk, guardAll, guardWith } from './store-errors.ts'
import { createTaskFolders } from './task-folders.ts'

// No task id begins with a dot.
const PARTS_FOLDER = '.parts'
const OPEN_FOLDER = '.open'
const CHECKPOINT_FILE = '.checkpoint'

/**
 * A store in a directory, which may be shared by many workers.
 *
 * @param root the directory; made when the first separation comes
 */
export const createFileStore = (root: string): StemStore => {
  const guard = guardWith(explainDisk(root))
  const partsFolder = join(root, PARTS_FOLDER)
  const { folderOf, inFolderOf } = createTaskFolders(root)

  const find: StemStore['find'] = async (taskId, stem) => {
    const folder = folderOf(taskId)
    const names = await readdir(folder).catch(ignoreMissing)
    const file = names?.find((name) => isPublishedFileName(name) && parse(name).name === stem)
    if (!file) return undefined
    const hash = createHash('sha256')
    await pipeline(createReadStream(join(folder, file)), hash)
    const { size, mtime } = await stat(join(folder, file))
    const [sha256, contentType] = [hash.digest('hex'), contentTypeOf(file)]
    return { file, bytes: size, sha256, contentType, savedAt: mtime.toISOString() }
  }

  const createPart: StemStore['createPart'] = (taskId, stem) => {
    folderOf(taskId)
    stemNameSchema.parse(stem)
    const publishAs = (path: string, file: string) =>
      inFolderOf(taskId, (folder) => linkDurably(path, join(folder, file)))
    return createFilePart({ partsFolder, taskId, stem, guard, publishAs })
  }

  const readText = async (taskId: string, file: string): Promise<string | undefined> =>
    readFile(join(folderOf(taskId), file), 'utf8').catch(ignoreMissing)

  const replace = async (path: string, text: string): Promise<void> => {
    await makeFolder(partsFolder)
    await writeDurably(path, text, { partsFolder })
  }

  const remove: StemStore['remove'] = async (taskId, file) => {
    if (!isPublishedFileName(file)) throw new Error(`${JSON.stringify(file)} is no file name of a stem`)
    const folder = folderOf(taskId)
    await rm(join(folder, file), { force: true })
    await rm(join(folder, peaksFileName(parse(file).name)), { force: true })
  }

  const writeBesideManifest = async (taskId: string, file: string, text: string): Promise<void> => {
    const folder = folderOf(taskId)
    // A removal renames the folder, so a write that is under way then fails with ENOENT.
    if (!(await stat(join(folder, MANIFEST_FILE)).catch(ignoreMissing))) return
    await replace(join(folder, file), text).catch(ignoreMissing)
  }

  const documents = createDocuments({
    read: readText,
    write: (taskId, file, text) => inFolderOf(taskId, (folder) => replace(join(folder, file), text)),
    writeBesideManifest,
  })

  const open: StemStore['open'] = async (taskId, file) => {
    if (!isReadableFileName(file) || !taskIdSchema.safeParse(taskId).success) return undefined
    const path = join(folderOf(taskId), file)
    const stats = await stat(path, { bigint: true }).catch(ignoreMissing)
    if (!stats?.isFile()) return undefined
    return {
      bytes: Number(stats.size),
      contentType: contentTypeOf(file),
      // A published file never changes; another one under its name has another inode or another time.
      version: [stats.size, stats.mtimeNs, stats.ino].map((part) => part.toString(36)).join('-'),
      stream: (range) => createReadStream(path, range && { start: range.first, end: range.last }),
    }
  }

  const { listFinished, removeSeparation } = createFileRetention(root, folderOf)

  const readCheckpoint: StemStore['readCheckpoint'] = async () =>
    (await readFile(join(root, CHECKPOINT_FILE), 'utf8').catch(ignoreMissing))?.trim()

  const writeCheckpoint: StemStore['writeCheckpoint'] = (at) => replace(join(root, CHECKPOINT_FILE), `${at}\n`)

  const check: StemStore['check'] = async () => {
    await makeFolder(root)
    await access(root, constants.W_OK | constants.X_OK)
  }

  const operations = {
    ...createOpenNotes(join(root, OPEN_FOLDER), partsFolder),
    ...documents,
    ...{ find, createPart, remove, open, removeSeparation, readCheckpoint, writeCheckpoint, check },
    sweepParts: (olderThanMs: number) => sweepParts(partsFolder, olderThanMs),
    freeSpace: () => freeSpace(root),
  }
  return { ...guardAll(guard, operations), listFinished } // which tells of files that are there, and fails as reading does
}
