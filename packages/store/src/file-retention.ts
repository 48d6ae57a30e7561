import { randomUUID } from 'node:crypto'
import { opendir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { manifestSchema } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { makeFolder, syncDirectory } from './durable-file.ts'
import { MANIFEST_FILE } from './file-name.ts'
import { finishedOf } from './finished.ts'
import { ignoreMissing, ignoreMissingPath } from './missing.ts'
import type { FinishedSeparation } from './stem-store.ts'
import { parseJson } from './stored-json.ts'

// No task id begins with a dot.
const REMOVED_FOLDER = '.removed'

/**
 * Finds what has been in a directory for long, and takes it away.
 *
 * @param root of the store
 * @param folderOf where a task's files are
 */
export const createFileRetention = (root: string, folderOf: (taskId: string) => string) => {
  const removedFolder = join(root, REMOVED_FOLDER)

  // One file's date is asked for each separation; only the manifest of one that may be old enough is read.
  async function* listFinished(olderThanMs: number): AsyncGenerator<FinishedSeparation> {
    const until = Date.now() - olderThanMs
    const entries = await opendir(root).catch(ignoreMissing)
    if (!entries) return
    for await (const { name } of entries) {
      if (!taskIdSchema.safeParse(name).success) continue
      const path = join(root, name, MANIFEST_FILE)
      const stats = await stat(path).catch(ignoreMissingPath) // a file in place of a folder is no separation
      if (!stats || stats.mtimeMs > until) continue
      const manifest = parseJson(manifestSchema, await readFile(path, 'utf8').catch(ignoreMissingPath))
      const isOurs = manifest?.task_id === name // else it is a copy of another folder
      if (manifest && isOurs && Date.parse(manifest.finished_at) <= until) yield finishedOf(manifest)
    }
  }

  const sweepRemoved = async (own: string): Promise<void> => {
    const names = (await readdir(removedFolder).catch(ignoreMissing)) ?? []
    if (names.length > 0) await syncDirectory(root) // that they are hidden reaches the disk before they go, whoever has hidden them
    for (const name of names) {
      await rm(join(removedFolder, name), { recursive: true, force: true }).catch((error: Error) => {
        if (name === own) throw error // what another could not take away keeps nobody else from it
      })
    }
  }

  const removeSeparation = async (taskId: string): Promise<void> => {
    const folder = folderOf(taskId)
    const own = randomUUID()
    await makeFolder(removedFolder)
    // In one step: nobody ever sees a manifest that vouches for files which are gone.
    await rename(folder, join(removedFolder, own)).catch(ignoreMissing)
    await sweepRemoved(own) // and what one that was killed has left
  }

  return { listFinished, removeSeparation }
}
