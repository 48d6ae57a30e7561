import { constants } from 'node:os'
import { StemError } from '@stems/domain/errors'

/**
 * Says what is wrong with a store, in words; the attempt is made again later, when somebody has mended it.
 *
 * @param place the store, as its owner knows it
 * @param words what it is called, and which setting names it
 * @returns a function that turns what the disk says into a StemError and lets every other error be
 */
export const explainDisk =
  (place: string, { what, setting } = { what: 'the store', setting: 'STORE_URL' }) =>
  (error: unknown): unknown => {
    const code = codeOf(error as NodeJS.ErrnoException)
    const reason = code && REASONS[code]
    if (!reason) return error
    return new StemError('store', 'later', `${what} ${place} ${reason.replace('STORE_URL', setting)} (${code}).`, {
      cause: error,
    })
  }

// Node has no name for it, and gives its number in words.
const codeOf = ({ code, errno }: NodeJS.ErrnoException): string | undefined =>
  errno === -constants.errno.EDQUOT ? 'EDQUOT' : code

/** Makes a function that wraps an operation, so that it fails in words. */
export const guardWith =
  (explain: (error: unknown) => unknown) =>
  <Args extends unknown[], Result>(operation: (...args: Args) => Promise<Result>) =>
  async (...args: Args): Promise<Result> => {
    try {
      return await operation(...args)
    } catch (error) {
      throw explain(error)
    }
  }

export type Guard = ReturnType<typeof guardWith>

/** Wraps all operations of an object. */
export const guardAll = <T extends object>(guard: Guard, operations: T): T =>
  Object.fromEntries(Object.entries(operations).map(([name, operation]) => [name, guard(operation)])) as T

const REASONS: Record<string, string> = {
  ENOSPC: 'is full: free some space',
  EDQUOT: 'is over its quota: free some space',
  EACCES: 'may not be written by this user: check its owner and mode',
  EPERM: 'may not be written by this user: check its owner and mode',
  EROFS: 'is read-only: check how it is mounted',
  EIO: 'has a failing disk',
  EMFILE: 'cannot open more files: raise the limit of open files',
  ENOTDIR: 'is no directory: check STORE_URL',
  EEXIST: 'is no directory: check STORE_URL',
}
