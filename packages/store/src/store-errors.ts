import { StemError } from '@stems/domain/errors'

/**
 * Says what is wrong with a store, in words; the attempt is made again later, when somebody has mended it.
 *
 * @param place the store, as its owner knows it
 * @returns a function that turns what the disk says into a StemError and lets every other error be
 */
export const createStoreErrors = (place: string) => {
  const explain = (error: unknown): unknown => {
    const { code } = error as NodeJS.ErrnoException
    const reason = code && REASONS[code]
    if (!reason) return error
    return new StemError('store', 'later', `the store ${place} ${reason} (${code}).`, { cause: error })
  }
  return {
    explain,
    /** Wraps an operation, so that it fails in words. */
    guard:
      <Args extends unknown[], Result>(operation: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        try {
          return await operation(...args)
        } catch (error) {
          throw explain(error)
        }
      },
  }
}

export type StoreErrors = ReturnType<typeof createStoreErrors>

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
