import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Separation, separationSchema } from '@stems/domain/separation'
import { taskIdSchema } from '@stems/domain/task-id'
import { makeFolder, writeDurably } from './durable-file.ts'
import { parseJson } from './stored-json.ts'

/**
 * One small file for each separation that is being worked on, so that it can be driven again should Redis forget it. Not synced:
 * it matters when Redis has lost its data, and not when this machine loses power in the same moment.
 *
 * @param folder holds the notes
 * @param partsFolder where they lie until they are whole
 */
export const createOpenNotes = (folder: string, partsFolder: string) => {
  // Whatever came before, no id leaves the folder.
  const noteOf = (taskId: string) => join(folder, `${taskIdSchema.parse(taskId)}.json`)

  const readNote = async (name: string, olderThanMs: number): Promise<Separation | undefined> => {
    try {
      const { mtimeMs } = await stat(join(folder, name))
      if (Date.now() - Math.floor(mtimeMs) < olderThanMs) return undefined // the clock has no fractions, and would be behind
      return parseJson(separationSchema, await readFile(join(folder, name), 'utf8'))
    } catch {
      return undefined // taken away meanwhile: then there is nothing to go by
    }
  }

  return {
    noteOpen: async (separation: Separation): Promise<void> => {
      const note = noteOf(separation.taskId)
      await makeFolder(folder)
      await makeFolder(partsFolder)
      const mode = 0o600 // links as they came, secrets and all
      await writeDurably(note, JSON.stringify(separation), { mode, partsFolder, isSynced: false })
    },
    noteClosed: async (taskId: string): Promise<void> => rm(noteOf(taskId), { force: true }),
    listOpen: async (olderThanMs: number): Promise<Separation[]> => {
      const names = await readdir(folder).catch(() => [])
      const notes = await Promise.all(
        names.filter((name) => name.endsWith('.json')).map((name) => readNote(name, olderThanMs)),
      )
      return notes.filter((note) => note !== undefined)
    },
  }
}
