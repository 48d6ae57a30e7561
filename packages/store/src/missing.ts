import { access } from 'node:fs/promises'

/**
 * Ignores that a file or directory does not exist.
 *
 * @throws any other error
 */
export const ignoreMissing = (error: unknown): undefined => {
  if (codeOf(error) !== 'ENOENT') throw error
}

/**
 * Ignores that a path does not exist, also when a part of it is a file instead of a directory.
 *
 * @throws any other error
 */
export const ignoreMissingPath = (error: unknown): undefined => {
  if (codeOf(error) !== 'ENOTDIR') ignoreMissing(error)
}

/** Tells whether a file or directory exists and can be reached. */
export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
