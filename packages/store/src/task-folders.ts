import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { taskIdSchema } from '@stems/domain/task-id'
import { makeFolder } from './durable-file.ts'
import { ignoreMissing } from './missing.ts'

/**
 * The folders of tasks.
 *
 * @param root of the store
 */
export const createTaskFolders = (root: string) => {
  /** Where a task's files are, or will be. Whatever came before, no id leads out of the store's directory. */
  const folderOf = (taskId: string): string => join(root, taskIdSchema.parse(taskId))

  const making = new Map<string, Promise<void>>()

  const make = async (folder: string): Promise<void> => {
    await makeFolder(folder).catch(async (error: Error) => {
      await rmdir(folder).catch(() => {}) // else the next write would take it for one that is on the disk
      throw error
    })
  }

  // The first stems of a separation often come together.
  const makeOnce = (folder: string): Promise<void> => {
    const made = making.get(folder) ?? make(folder).finally(() => making.delete(folder))
    making.set(folder, made)
    return made
  }

  return {
    folderOf,
    /**
     * Puts something into the folder of a task, which is made where it is missing.
     *
     * @param work may be called again
     */
    inFolderOf: async <T>(taskId: string, work: (folder: string) => Promise<T>): Promise<T> => {
      const folder = folderOf(taskId)
      try {
        if (!making.has(folder)) return await work(folder) // it is there, for all stems but the first
      } catch (error) {
        ignoreMissing(error)
      }
      await makeOnce(folder) // until then it may be there, and not on the disk yet
      return work(folder)
    },
  }
}
