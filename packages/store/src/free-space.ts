import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ignoreMissingPath } from './missing.ts'

/** The disk that a folder lies on, in bytes. */
export type FreeSpace = {
  /** What this user may still write. */
  free: number
  total: number
}

/**
 * How much room there is.
 *
 * @param folder absolute; when it is not there yet, the nearest one above it that is counts
 */
export const freeSpace = async (folder: string): Promise<FreeSpace> => {
  try {
    const { bavail, blocks, bsize } = await statfs(folder)
    return { free: bavail * bsize, total: blocks * bsize }
  } catch (error) {
    const above = dirname(folder)
    if (above === folder) throw error
    ignoreMissingPath(error)
    return freeSpace(above)
  }
}
