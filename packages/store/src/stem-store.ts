import type { Readable } from 'node:stream'
import type { Manifest } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import type { SeparationAnalysis } from '@stems/domain/separation-analysis'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import type { FreeSpace } from './free-space.ts'

/** A stem under its final name. */
export type StoredStem = { file: string; bytes: number; sha256: string; contentType: string; savedAt: string }

/** Tells whether the far side still has the same file: its ETag or its date (RFC 9110, 13.1.5). */
export type Validator = string

/** What an earlier attempt left of a file. */
export type Remains = { bytes: number; validator: Validator }

/**
 * A file that is being written. Nobody sees it until it is published, and then it is whole. Its bytes belong to one
 * attempt alone, so that two writers never meet; a later one may take over what this one has left.
 */
export type Part = {
  /** Where the bytes lie meanwhile, on this machine. */
  path: string
  /**
   * Takes over what earlier attempts left of the same URL's file.
   *
   * @returns `undefined` when there is nothing that can be continued
   */
  takeOver: (url: string) => Promise<Remains | undefined>
  /** Reads the first bytes of what is there. */
  read: (bytes: number) => Readable
  /**
   * Keeps the first bytes of what is there, forgets the others, and notes what a later attempt needs to go on from them.
   * In this order: a note must never vouch for bytes of another file.
   *
   * @param validator without it, no later attempt can continue this partial download
   */
  note: (keptBytes: number, url: string, validator: Validator | undefined) => Promise<void>
  /**
   * Writes bytes in the order in which they come, and flushes them to the disk before it is done.
   *
   * @param from after how many bytes, which are all that are there; 0 starts afresh
   * @throws what `chunks` throws, or a StemError that says what is wrong with the disk
   */
  write: (chunks: AsyncIterable<Buffer>, from: number) => Promise<void>
  /**
   * Gives the bytes their final name, in one step that survives a power cut. A file that has the name already stays:
   * of two writers the first wins, so that what was once published and recorded never changes.
   *
   * @returns the file's name within the separation; `undefined` when another writer was first
   */
  publish: (extension: string) => Promise<string | undefined>
  /** Leaves the bytes for a later attempt. Does nothing after `publish`. */
  leave: () => Promise<void>
  /** Forgets the bytes. Does nothing after `publish`. */
  discard: () => Promise<void>
}

/** The bytes of a file from the first to the last, both of them included, counted from 0. */
export type ByteRange = { first: number; last: number }

/** A file of the store, open for reading. `version` is another one whenever the bytes are others. */
export type StoredFile = {
  bytes: number
  contentType: string
  version: string
  /** @param range all bytes where it is left out */
  stream: (range?: ByteRange) => Readable
}

/** A separation that has a manifest, and its stems as the manifest tells of them. */
export type FinishedSeparation = {
  taskId: string
  status: Manifest['status']
  receivedAt: string
  finishedAt: string
  bytes: number
  files: number
}

/** Keeps `<task_id>/<stem>.<ext>`, `<task_id>/<stem>.peaks.json`, `<task_id>/manifest.json` and `<task_id>/analysis.json`. */
export type StemStore = {
  /** The stem as it lies there, its sha256 taken from its bytes; `undefined` when there is none. */
  find: (taskId: string, stem: string) => Promise<StoredStem | undefined>
  /** Opens a new part for a stem. Every call gets one of its own, so that two writers never meet in one file. */
  createPart: (taskId: string, stem: string) => Promise<Part>
  /** Replaces the manifest as a whole, in one step that survives a power cut. */
  writeManifest: (manifest: Manifest) => Promise<void>
  /** Removes a published stem, because its bytes are not what they were, and its peaks. */
  remove: (taskId: string, file: string) => Promise<void>
  /** The manifest; `undefined` when there is none that can be read. */
  readManifest: (taskId: string) => Promise<Manifest | undefined>
  /**
   * Replaces the waveform of a stem, in one step. Nothing is written without a manifest: a separation that was removed meanwhile
   * must not come back.
   */
  writePeaks: (taskId: string, stem: string, peaks: StemAnalysis) => Promise<void>
  /** The waveform of a stem, perhaps of other bytes than it has now; `undefined` when there is none that can be read. */
  readPeaks: (taskId: string, stem: string) => Promise<StemAnalysis | undefined>
  /** Replaces the audio facts of a separation as a whole, in one step. Nothing is written without a manifest. */
  writeAnalysis: (taskId: string, analysis: SeparationAnalysis) => Promise<void>
  /** The audio facts of a separation, perhaps of other bytes than its stems have now; `undefined` when there are none that can be read. */
  readAnalysis: (taskId: string) => Promise<SeparationAnalysis | undefined>
  /** Notes that a separation is being worked on. */
  noteOpen: (separation: Separation) => Promise<void>
  /** Takes the note away. */
  noteClosed: (taskId: string) => Promise<void>
  /** The separations that were noted as open so long ago or longer, and not taken away. */
  listOpen: (olderThanMs: number) => Promise<Separation[]>
  /** Opens a stem, its peaks, a manifest or an analysis; `undefined` when there is none by that name. */
  open: (taskId: string, file: string) => Promise<StoredFile | undefined>
  /**
   * Removes parts that nobody has written to for so long.
   *
   * @returns how many
   */
  sweepParts: (olderThanMs: number) => Promise<number>
  /**
   * The separations whose manifest says that they finished so long ago or longer, and was written so long ago: a copy that
   * was put back counts from then. In no order, one after the other.
   */
  listFinished: (olderThanMs: number) => AsyncIterable<FinishedSeparation>
  /**
   * Takes the stems and the manifest of a separation away. Nobody ever sees a manifest that vouches for files which are gone;
   * what an interrupted removal leaves is seen by nobody, and goes with the next one.
   */
  removeSeparation: (taskId: string) => Promise<void>
  /** When the index in Redis was last known to be complete (ISO), as the store was told; `undefined` when it never was. */
  readCheckpoint: () => Promise<string | undefined>
  writeCheckpoint: (at: string) => Promise<void>
  /** Throws a StemError that names the reason when nothing can be written. */
  check: () => Promise<void>
  /** The disk of this machine that downloads are written to. */
  freeSpace: () => Promise<FreeSpace>
}
