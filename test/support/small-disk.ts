import { execFile } from 'node:child_process'
import { mkdir, open, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const MIB = 1024 * 1024

/** A store's disk that can run out of room. */
export type SmallDisk = {
  /** Takes room away, so that a stem does not fit any more. */
  fill: () => Promise<void>
  /** Takes room away, so that less than `reserveBytes` are free. */
  squeeze: () => Promise<void>
  /** Gives all of it back. */
  free: () => Promise<void>
  /** Less than is free now. */
  reserveBytes: number
  /** What an attempt says of a disk that was filled. */
  complaint: RegExp
}

/**
 * Makes a folder a small disk of its own. Where that may not be, a file in the place of the folder for parts makes
 * the store take no stem, and the disk that is there is squeezed a little.
 *
 * @param folder exists, and is empty
 */
export const makeSmallDisk = async (folder: string): Promise<SmallDisk> => {
  const mounted = await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]).then(
    () => true,
    () => false,
  )
  if (!mounted) {
    console.log('no file system can be mounted here: a file in the place of the parts stands in for a full disk')
    return withoutMount(folder)
  }
  onTestFinished(() => promisify(execFile)('umount', ['-l', folder]).then(() => {}))
  const ballast = join(folder, '.ballast')
  const fill = () => fillUp(ballast, MIB / 4)
  return {
    fill,
    squeeze: fill,
    free: () => rm(ballast, { force: true }),
    reserveBytes: 4 * MIB,
    complaint: /is full: free some space \(ENOSPC\)/,
  }
}

// Leaves a little, so that what is written next ends in the middle.
const fillUp = async (path: string, leftBytes: number): Promise<void> => {
  const { bavail, bsize } = await statfs(join(path, '..'))
  const file = await open(path, 'w')
  await file.writeFile(Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)))
  await file.close()
}

const withoutMount = async (folder: string): Promise<SmallDisk> => {
  const [parts, aside, ballast] = [join(folder, '.parts'), `${folder}.aside`, `${folder}.ballast`]
  onTestFinished(async () => {
    for (const path of [aside, ballast]) await rm(path, { recursive: true, force: true })
  })
  let isFilled = false
  const { bavail, bsize } = await statfs(folder)
  return {
    fill: async () => {
      await mkdir(parts, { recursive: true })
      await rename(parts, aside)
      await writeFile(parts, '')
      isFilled = true
    },
    squeeze: () => writeFile(ballast, Buffer.alloc(64 * MIB)),
    free: async () => {
      await rm(ballast, { force: true })
      if (!isFilled) return
      await rm(parts)
      await rename(aside, parts)
      isFilled = false
    },
    reserveBytes: bavail * bsize - 32 * MIB,
    complaint: /is no directory: check STORE_URL/,
  }
}
