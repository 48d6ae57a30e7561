import { isAbsolute, resolve } from 'node:path'
import { createFileStore } from './file-store.ts'
import type { S3Settings } from './s3-client.ts'
import { readS3Place } from './s3-place.ts'
import type { StemStore } from './stem-store.ts'

export const STORE_URL_FORM = 'must be file:DIR or s3://BUCKET/PREFIX'

/** Is it a place that {@link openStore} knows? */
export const isStoreUrl = (url: string): boolean =>
  readS3Place(url) !== undefined || (/^file:./.test(url) && decoded(url) !== undefined)

/** What a store in a bucket needs besides its URL. */
export type OpenStoreOptions = {
  s3?: S3Settings
  /** Where downloads are written on this machine until they are whole; a store in a directory has its own place for them. */
  partsFolder?: string
}

/**
 * Opens the store that `STORE_URL` names. The client of buckets is loaded for those who have one.
 *
 * @param url `file:DIR`; a relative DIR counts from the working directory, `file:///DIR` is absolute. Or `s3://BUCKET/PREFIX`
 */
export const openStore = async (
  url: string,
  { s3 = {}, partsFolder = './data/parts' }: OpenStoreOptions = {},
): Promise<StemStore> => {
  const place = readS3Place(url)
  if (!place) return createFileStore(storeFolder(url))
  const { createS3Store } = await import('./s3-store.ts')
  return createS3Store({ ...place, settings: s3, partsFolder: resolve(partsFolder) })
}

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
