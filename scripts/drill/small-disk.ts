import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { open, rm, statfs } from 'node:fs/promises'
import { freemem } from 'node:os'
import { join } from 'node:path'

export type SmallDisk = {
  /** Leaves not one byte free. */
  fill: () => Promise<void>
  free: () => Promise<void>
  /** Safe to call twice. */
  unmount: () => void
}

const CHUNKS = [1 << 20, 1 << 16, 1 << 12]

/**
 * Mounts a small disk in memory.
 *
 * @returns why there is none, where it cannot be done
 */
export const mountSmallDisk = (folder: string, bytes: number): SmallDisk | string => {
  if (process.getuid?.() !== 0) return 'only root may mount a small disk'
  if (bytes > freemem() / 3) return `a disk of ${Math.round(bytes / 1e6)} MB in memory is too much for this machine`
  mkdirSync(folder, { recursive: true })
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { encoding: 'utf8' })
  if (mounted.status !== 0) return `mounting a small disk failed (${(mounted.stderr ?? 'no mount').trim()})`

  const ballast = join(folder, 'ballast')
  let isMounted = true
  const unmount = () => {
    if (!isMounted) return
    isMounted = spawnSync('umount', [folder]).status !== 0 && spawnSync('umount', ['-l', folder]).status !== 0
  }
  process.once('exit', unmount)
  return {
    fill: async () => {
      const file = await open(ballast, 'w')
      try {
        for (const size of CHUNKS) {
          const chunk = Buffer.alloc(size)
          while ((await statfs(folder)).bavail > 0 && (await file.write(chunk).then(isWhole(size), isFull)));
        }
      } finally {
        await file.close()
      }
    },
    free: () => rm(ballast, { force: true }),
    unmount,
  }
}

const isWhole =
  (size: number) =>
  ({ bytesWritten }: { bytesWritten: number }) =>
    bytesWritten === size

const isFull = (error: NodeJS.ErrnoException): false => {
  if (error.code !== 'ENOSPC') throw error
  return false
}
