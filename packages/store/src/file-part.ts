import { createHash, randomUUID } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { copyFile, open, readdir, readFile, rename, stat, truncate, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { bootId } from './boot-id.ts'
import { makeFolder } from './durable-file.ts'
import { publishedFileName } from './file-name.ts'
import { ignoreMissing } from './missing.ts'
import type { Part, Remains, Validator } from './stem-store.ts'
import type { Guard } from './store-errors.ts'

const REFLINK = constants.COPYFILE_FICLONE // no bytes are copied where the file system can share them

const noteSchema = z.object({ urlHash: z.string(), validator: z.string(), boot: z.string() })

export type FilePartOptions = {
  /** Where parts lie on this machine. */
  partsFolder: string
  taskId: string
  stem: string
  guard: Guard
  /**
   * Gives the bytes at `path` their final name, whole or not at all.
   *
   * @returns false when another writer was first
   */
  publishAs: (path: string, file: string) => Promise<boolean>
}

/**
 * A part on this machine's disk, for a store of any kind, and of its own for one attempt: `<hash of task and stem>.<uuid>.part`, with a note beside it. An attempt that fails
 * leaves it as `.left`, for the next one to take; one that is killed cannot, so its part is copied.
 */
export const createFilePart = async (options: FilePartOptions): Promise<Part> => {
  const { partsFolder, taskId, stem, guard, publishAs } = options
  const key = createHash('sha256').update(`${taskId}/${stem}`).digest('hex').slice(0, 32)
  const path = join(partsFolder, `${key}.${randomUUID()}.part`)

  const names = await readdir(partsFolder).catch(ignoreMissing)
  if (!names) await makeFolder(partsFolder)
  const others = (names ?? [])
    .filter((name) => name.startsWith(`${key}.`) && /\.(part|left)$/.test(name))
    .map((name) => join(partsFolder, name))

  const takeOver = async (url: string): Promise<Remains | undefined> => {
    const found = await Promise.all(others.map((other) => readRemains(other, url)))
    const remains = found.filter((each) => each !== undefined).sort((a, b) => b.bytes - a.bytes)
    for (const each of remains) {
      // The writer of a `.part` may be alive after all, and goes on writing into its own.
      const isLeft = each.path.endsWith('.left')
      const take = isLeft ? rename(each.path, path) : copyFile(each.path, path, REFLINK)
      const isTaken = await take.then(() => true, ignoreMissing) // another attempt was quicker
      if (!isTaken) continue
      if (isLeft) await remove(noteOf(each.path))
      await utimes(path, new Date(), new Date()).catch(() => {}) // those who sweep go by its age
      await writeNote(url, each.validator) // left again, should no answer come
      return { bytes: (await stat(path)).size, validator: each.validator }
    }
    return undefined
  }

  const publish = async (extension: string): Promise<string | undefined> => {
    const file = publishedFileName(stem, extension)
    if (!(await publishAs(path, file))) return undefined
    const left = others.filter((each) => each.endsWith('.left'))
    await Promise.all([forget(), ...left.flatMap((each) => [remove(each), remove(noteOf(each))])])
    return file
  }

  const forget = async (): Promise<void> => {
    await Promise.all([remove(path), remove(noteOf(path))])
  }

  const writeNote = async (url: string, validator: Validator): Promise<void> =>
    writeFile(noteOf(path), JSON.stringify({ urlHash: hashOf(url), validator, boot: await bootId() }))

  // No stream of Node's: on a disk that is full for a moment, `createWriteStream` may write some bytes twice (decision 0007).
  const write = async (chunks: AsyncIterable<Buffer>, from: number): Promise<void> => {
    const file = await open(path, from > 0 ? 'a' : 'w')
    try {
      await file.writeFile(chunks)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  return {
    path,
    takeOver: guard(takeOver),
    read: (bytes) => createReadStream(path, { end: bytes - 1 }),
    note: guard(async (keptBytes, url, validator) => {
      if (others.length > 0) {
        await remove(noteOf(path))
        await truncate(path, keptBytes).catch(ignoreMissing)
      }
      if (validator !== undefined) await writeNote(url, validator)
    }),
    write: guard(write),
    publish: guard(publish),
    // What cannot be renamed or removed is swept later; it must not hide why the attempt failed.
    leave: async () => {
      await rename(path, path.replace(/\.part$/, '.left')).catch(() => {})
    },
    discard: async () => {
      await forget().catch(() => {})
    },
  }
}

// Enough to tell one link from another; the link itself may hold what opens the file.
const hashOf = (url: string): string => createHash('sha256').update(url).digest('hex')

const noteOf = (path: string): string => path.replace(/\.(part|left)$/, '.json')

const remove = async (path: string): Promise<void> => {
  await unlink(path).catch(ignoreMissing)
}

// Bytes that were not yet synced are gone, or zeros, after the machine itself went down. Only what was written since it
// came up is believed; another machine's parts are not, since nobody knows here when that one went down.
const readRemains = async (path: string, url: string): Promise<(Remains & { path: string }) | undefined> => {
  try {
    const note = noteSchema.parse(JSON.parse(await readFile(noteOf(path), 'utf8')))
    const { size } = await stat(path)
    const isOurs = note.urlHash === hashOf(url) && note.boot === (await bootId())
    return isOurs && size > 0 ? { path, bytes: size, validator: note.validator } : undefined
  } catch {
    return undefined // no note, or a broken one: nothing that can be continued
  }
}
