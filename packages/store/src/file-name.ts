import { stemNameSchema } from '@stems/domain/stem-name'
import mime from 'mime'
import { isAnalysisFileName } from './analysis-file.ts'

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

/** Is it the name of a stem's file? A manifest, an analysis and a part are none. */
export const isPublishedFileName = (file: string): boolean => {
  const [, stem, extension] = /^([^.]+)\.([a-z0-9]{1,8})$/.exec(file) ?? []
  return file !== MANIFEST_FILE && extension !== 'part' && stemNameSchema.safeParse(stem).success
}

/** May it be opened: a stem, its analysis, or a manifest? */
export const isReadableFileName = (file: string): boolean =>
  file === MANIFEST_FILE || isPublishedFileName(file) || isAnalysisFileName(file)

/** What a file is served as. */
export const contentTypeOf = (file: string): string => mime.getType(file) ?? 'application/octet-stream'
