import { stemNameSchema } from '@stems/domain/stem-name'
import mime from 'mime'

export const MANIFEST_FILE = 'manifest.json'
export const ANALYSIS_FILE = 'analysis.json'
const PEAKS_ENDING = '.peaks.json'

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

/** Is it the name of a stem's file? A manifest, an analysis, peaks and a part are none. */
export const isPublishedFileName = (file: string): boolean => {
  const [, stem, extension] = /^([^.]+)\.([a-z0-9]{1,8})$/.exec(file) ?? []
  return !isAccountFileName(file) && extension !== 'part' && stemNameSchema.safeParse(stem).success
}

/** May it be opened: a stem, its peaks, a manifest or an analysis? */
export const isReadableFileName = (file: string): boolean =>
  isAccountFileName(file) || isPublishedFileName(file) || isPeaksFileName(file)

const isAccountFileName = (file: string): boolean => file === MANIFEST_FILE || file === ANALYSIS_FILE

/**
 * The name of the file with a stem's waveform. Its two dots keep it apart from all stems.
 *
 * @throws when it is no stem's name
 */
export const peaksFileName = (stem: string): string => stemNameSchema.parse(stem) + PEAKS_ENDING

const isPeaksFileName = (file: string): boolean =>
  file.endsWith(PEAKS_ENDING) && stemNameSchema.safeParse(file.slice(0, -PEAKS_ENDING.length)).success

/** What a file is served as. */
export const contentTypeOf = (file: string): string => mime.getType(file) ?? 'application/octet-stream'
