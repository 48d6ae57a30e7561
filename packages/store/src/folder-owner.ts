import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StemError } from '@stems/domain/errors'
import { taskIdSchema } from '@stems/domain/task-id'
import { linkDurably, syncDirectory, writeDurably } from './durable-file.ts'
import { exists, ignoreMissing } from './missing.ts'

const OWNER_FILE = '.task'

/**
 * The folder of a task. On file systems that ignore case (macOS, Windows, some network mounts) the tasks `ABC` and `abc`
 * would share one, and one would take the other's stems for its own: there the first to come signs the folder, and the
 * other is refused.
 *
 * @param root of the store
 * @param lowerCaseFolder a folder of the store itself, its name all in lower case
 */
export const createFolderOwner = (root: string, lowerCaseFolder: string) => {
  let ignoring: boolean | undefined

  const ignoresCase = async (): Promise<boolean> => {
    if (ignoring !== undefined) return ignoring
    if (!(await exists(join(root, lowerCaseFolder)))) return true // nothing to tell it by: then it may
    ignoring = await exists(join(root, lowerCaseFolder.toUpperCase()))
    return ignoring
  }

  const folderOf = async (taskId: string): Promise<string> => {
    const folder = join(root, taskIdSchema.parse(taskId)) // whatever came before, no id leaves the store's directory
    const owner = (await ignoresCase()) ? await ownerOf(folder) : taskId
    if (owner === taskId || owner === undefined) return folder
    throw new StemError(
      'refused',
      'never',
      `the store ignores case, and its folder ${taskId} belongs to task ${owner}.`,
    )
  }

  const sign = async (folder: string, taskId: string): Promise<void> => {
    const temporary = join(root, lowerCaseFolder, `${randomUUID()}.part`)
    await writeDurably(temporary, taskId)
    await linkDurably(temporary, join(folder, OWNER_FILE)).finally(() => rm(temporary, { force: true }))
  }

  const making = new Map<string, Promise<string>>()

  // The first stems of a separation often come together.
  const makeFolderOnce = (taskId: string): Promise<string> => {
    const made = making.get(taskId) ?? makeFolderOf(taskId).finally(() => making.delete(taskId))
    making.set(taskId, made)
    return made
  }

  const makeFolderOf = async (taskId: string): Promise<string> => {
    await makeFolder(join(root, lowerCaseFolder))
    const folder = await folderOf(taskId)
    await makeFolder(folder).catch(async (error: Error) => {
      await rmdir(folder).catch(() => {}) // whoever finds it there takes it for one that is on the disk
      throw error
    })
    if (!(await ignoresCase())) return folder
    await sign(folder, taskId)
    return folderOf(taskId)
  }

  return {
    /**
     * Where a task's files are, or will be.
     *
     * @throws {StemError} when the folder is another task's
     */
    folderOf,
    /**
     * Puts something into the folder of a task, which is made where it is missing.
     *
     * @param work may be called again
     * @throws {StemError} when it is another task's
     */
    inFolderOf: async <T>(taskId: string, work: (folder: string) => Promise<T>): Promise<T> => {
      try {
        const isSafe = !(await ignoresCase()) && !making.has(taskId) // else it may be there, and not on the disk yet
        if (isSafe) return await work(await folderOf(taskId)) // it is there, for all stems but the first
      } catch (error) {
        ignoreMissing(error)
      }
      return work(await makeFolderOnce(taskId))
    },
  }
}

/** Makes a folder, and what is missing above it, so that their names survive a power cut too: else all that will lie in it would be gone. */
export const makeFolder = async (folder: string): Promise<void> => {
  try {
    await makeOne(folder)
  } catch (error) {
    ignoreMissing(error)
    await makeFolder(dirname(folder))
    await makeOne(folder)
  }
}

// One by one: of a disk that is read-only or over its quota, `mkdir` says when it is recursive that something is missing.
const makeOne = async (folder: string): Promise<void> => {
  try {
    await mkdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(folder)).isDirectory()) return
    throw error
  }
  await syncDirectory(dirname(folder))
}

const ownerOf = (folder: string): Promise<string | undefined> =>
  readFile(join(folder, OWNER_FILE), 'utf8').catch(ignoreMissing)
