import { stemNameSchema } from '@stems/domain/stem-name'
import mime from 'mime'

export const MANIFEST_FILE = 'manifest.json'

/**
 * The file name of a stem.
 *
 * @throws when the two make no name that may stand in a store
 */
export const publishedFileName = (stem: string, extension: string): string => {
  const file = `${stem}.${extension}`
  if (!isPublishedFileName(file)) throw new Error(`${JSON.stringify(file)} is no file name of a stem`)
  return file
}

/** Is it the name of a stem's file? A manifest and a part are none. */
export const isPublishedFileName = (file: string): boolean => {
  const [, stem, extension] = /^([^.]+)\.([a-z0-9]{1,8})$/.exec(file) ?? []
  return file !== MANIFEST_FILE && extension !== 'part' && stemNameSchema.safeParse(stem).success
}

/** What a file is served as. */
export const contentTypeOf = (file: string): string => mime.getType(file) ?? 'application/octet-stream'
