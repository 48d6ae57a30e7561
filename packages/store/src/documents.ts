import { manifestSchema } from '@stems/domain/manifest'
import { separationAnalysisSchema } from '@stems/domain/separation-analysis'
import { stemAnalysisSchema } from '@stems/domain/stem-analysis'
import { ANALYSIS_FILE, MANIFEST_FILE, peaksFileName } from './file-name.ts'
import type { StemStore } from './stem-store.ts'
import { parseJson, printCompactJson, printJson } from './stored-json.ts'

/** How a store keeps the JSON files of a task. */
export type TaskTexts = {
  /** The text of a file; `undefined` when there is none. */
  read: (taskId: string, file: string) => Promise<string | undefined>
  /** Replaces a file as a whole, in one step that survives a power cut. */
  write: (taskId: string, file: string, text: string) => Promise<void>
  /** The same; nothing is written without a manifest. */
  writeBesideManifest: (taskId: string, file: string, text: string) => Promise<void>
}

type Documents = Pick<
  StemStore,
  'readManifest' | 'writeManifest' | 'readPeaks' | 'writePeaks' | 'readAnalysis' | 'writeAnalysis'
>

/** The manifest, the peaks and the analysis of a task, as files of any kind of store. */
export const createDocuments = ({ read, write, writeBesideManifest }: TaskTexts): Documents => ({
  readManifest: async (taskId) => parseJson(manifestSchema, await read(taskId, MANIFEST_FILE)),
  writeManifest: (manifest) => write(manifest.task_id, MANIFEST_FILE, printJson(manifest)),
  readPeaks: async (taskId, stem) => parseJson(stemAnalysisSchema, await read(taskId, peaksFileName(stem))),
  writePeaks: (taskId, stem, peaks) => writeBesideManifest(taskId, peaksFileName(stem), printCompactJson(peaks)),
  readAnalysis: async (taskId) => parseJson(separationAnalysisSchema, await read(taskId, ANALYSIS_FILE)),
  writeAnalysis: (taskId, analysis) => writeBesideManifest(taskId, ANALYSIS_FILE, printJson(analysis)),
})
