import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Separation, separationSchema } from '@stems/domain/separation'
import { taskIdSchema } from '@stems/domain/task-id'
import { ignoreMissing } from './missing.ts'

/**
 * One small file for each separation that is being worked on, so that it can be driven again should Redis forget it.
 * Not synced: it matters when Redis has lost its data, not when this machine loses power in the same moment.
 *
 * @param folder holds the notes
 * @param makeFolder makes it where it is missing
 */
export const createOpenNotes = (folder: string, makeFolder: () => Promise<void>) => {
  // The hash keeps the notes of `ABC` and `abc` apart where the file system does not. Whatever came before, no id leaves
  // the folder.
  const noteOf = (taskId: string) => join(folder, `${taskIdSchema.parse(taskId)}.${hashOf(taskId)}.json`)

  const readNote = async (name: string, olderThanMs: number): Promise<Separation | undefined> => {
    try {
      const { mtimeMs } = await stat(join(folder, name))
      if (Date.now() - Math.floor(mtimeMs) < olderThanMs) return undefined // the clock has no fractions, and would be behind
      return separationSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))
    } catch {
      return undefined // taken away meanwhile, or not readable: then there is nothing to go by
    }
  }

  return {
    noteOpen: async (separation: Separation): Promise<void> => {
      const note = noteOf(separation.taskId)
      const temporary = join(folder, `${randomUUID()}.part`)
      const write = () => writeFile(temporary, JSON.stringify(separation), { mode: 0o600 }) // links as they came, secrets and all
      try {
        await write().catch(async (error: unknown) => {
          ignoreMissing(error)
          await makeFolder()
          await write()
        })
        await rename(temporary, note)
      } catch (error) {
        await rm(temporary, { force: true }) // a full disk must not be filled further by what it refused
        throw error
      }
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

const hashOf = (taskId: string): string => createHash('sha256').update(taskId).digest('hex').slice(0, 8)
