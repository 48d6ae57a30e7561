import { stemNameSchema } from '@stems/domain/stem-name'

const ENDING = '.peaks.json'

/**
 * The name of the file with a stem's waveform. Its two dots keep it apart from all stems.
 *
 * @throws when it is no stem's name
 */
export const peaksFileName = (stem: string): string => stemNameSchema.parse(stem) + ENDING

/** Is it the name of such a file? */
export const isPeaksFileName = (file: string): boolean =>
  file.endsWith(ENDING) && stemNameSchema.safeParse(file.slice(0, -ENDING.length)).success
