import { type StemAnalysis, stemAnalysisSchema } from '@stems/domain/stem-analysis'
import { stemNameSchema } from '@stems/domain/stem-name'

const ENDING = '.peaks.json'

/**
 * The file in which the analysis of a stem lies beside it. Its two dots keep it apart from all stems.
 *
 * @throws when it is no stem's name
 */
export const analysisFileName = (stem: string): string => stemNameSchema.parse(stem) + ENDING

/** Is it the name of such a file? */
export const isAnalysisFileName = (file: string): boolean =>
  file.endsWith(ENDING) && stemNameSchema.safeParse(file.slice(0, -ENDING.length)).success

/** An analysis as it lies in a store: JSON for programs. */
export const printAnalysis = (analysis: StemAnalysis): string => `${JSON.stringify(analysis)}\n`

/**
 * Reads an analysis.
 *
 * @returns `undefined` for what is none: then the stem is analysed once more
 */
export const parseAnalysis = (text: string): StemAnalysis | undefined => {
  try {
    return stemAnalysisSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
