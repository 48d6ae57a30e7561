import { isAbsolute, resolve } from 'node:path'
import { createFileStore } from './file-store.ts'
import type { StemStore } from './stem-store.ts'

/** Is it a place that {@link openStore} knows? */
export const isStoreUrl = (url: string): boolean => /^file:./.test(url) && decoded(url) !== undefined

/**
 * Opens the store that `STORE_URL` names.
 *
 * @param url `file:DIR`; a relative DIR counts from the working directory, `file:///DIR` is absolute
 */
export const openStore = (url: string): StemStore => createFileStore(storeFolder(url))

/** The directory of a `file:` store, absolute. */
export const storeFolder = (url: string): string => {
  const path = (decoded(url) ?? '').replace(/^\/\/(?=\/)/, '')
  return isAbsolute(path) ? path : resolve(path)
}

const decoded = (url: string): string | undefined => {
  try {
    return decodeURI(url.slice('file:'.length))
  } catch {
    return undefined
  }
}
