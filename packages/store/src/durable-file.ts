import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { exists, ignoreMissing } from './missing.ts'

/**
 * Writes a file that is, after any crash, either the old one or the new one: temporary file, fsync, rename, fsync of
 * the directory.
 *
 * @param path its directory exists
 * @param options.mode who may read it
 * @param options.partsFolder where it lies until it is whole, on the same file system; beside `path` unless given
 * @param options.isSynced false for what need not survive a power cut
 */
export const writeDurably = async (
  path: string,
  text: string,
  { mode = 0o644, partsFolder = dirname(path), isSynced = true } = {},
): Promise<void> => {
  const temporary = join(partsFolder, `${basename(path)}.${randomUUID()}.part`)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(text)
      if (isSynced) await file.sync()
    } finally {
      await file.close()
    }
    await (isSynced ? renameDurably : rename)(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

// The file's bytes are flushed already; the name follows.
const renameDurably = async (from: string, to: string): Promise<void> => {
  await rename(from, to)
  await syncDirectory(dirname(to))
}

/**
 * Gives a flushed file a name that nobody has yet, in a way that survives a power cut. It may keep its old name too.
 *
 * @param from on the same file system as `to`
 * @returns false when `to` existed; then nothing has changed
 */
export const linkDurably = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (!code || !NO_HARD_LINKS.includes(code)) throw error
    if (await exists(to)) return false
    await renameDurably(from, to)
    return true
  }
  await syncDirectory(dirname(to))
  return true
}

// What file systems without hard links answer (exFAT, some network mounts).
const NO_HARD_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

/**
 * Makes the names in a directory survive a power cut. Who asks while another sync of the same directory is under way shares the
 * next one with all who do: a disk takes as long for twelve names as for one.
 */
export const syncDirectory = (path: string): Promise<void> => {
  const shared = nextSyncs.get(path)
  if (shared !== undefined) return shared
  const next = (runningSyncs.get(path) ?? Promise.resolve()).then(() => {
    nextSyncs.delete(path)
    const sync = syncNow(path)
    const running = sync
      .catch(() => {})
      .then(() => void (runningSyncs.get(path) === running && runningSyncs.delete(path)))
    runningSyncs.set(path, running)
    return sync
  })
  nextSyncs.set(path, next)
  return next
}

const runningSyncs = new Map<string, Promise<void>>()
const nextSyncs = new Map<string, Promise<void>>()

const syncNow = async (path: string): Promise<void> => {
  const directory = await open(path, 'r')
  await directory.sync().finally(() => directory.close())
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

/**
 * Removes files that nobody has written to for so long.
 *
 * @param ending of the names that may go; all unless given
 * @returns how many
 */
export const sweepParts = async (partsFolder: string, olderThanMs: number, ending = ''): Promise<number> => {
  const names = (await readdir(partsFolder).catch(() => [])).filter((name) => name.endsWith(ending))
  const swept = await Promise.all(
    names.map(async (name) => {
      const path = join(partsFolder, name)
      const stats = await stat(path).catch(() => undefined)
      if (!stats || Date.now() - stats.mtimeMs < olderThanMs) return 0
      await rm(path, { force: true })
      return 1
    }),
  )
  return swept.reduce<number>((sum, count) => sum + count, 0)
}
