import type { Readable, Writable } from 'node:stream'
import type { Manifest } from '@stems/domain/manifest'

/** A stem under its final name. */
export type StoredStem = { file: string; bytes: number; sha256: string; contentType: string; savedAt: string }

/** A file that is being written. Nobody sees it until it is published, and then it is whole. */
export type Part = {
  /** Where the bytes lie meanwhile, on this machine. */
  path: string
  /** Takes the bytes in order. They are flushed to the disk before it finishes. */
  writable: () => Writable
  /**
   * Gives the bytes their final name, in one step that survives a power cut. A file that has the name already stays:
   * of two writers the first wins, so that what was once published and recorded never changes.
   *
   * @returns the file's name within the separation; `undefined` when another writer was first
   */
  publish: (extension: string) => Promise<string | undefined>
  /** Forgets the bytes. Does nothing after `publish`. */
  discard: () => Promise<void>
}

/** A file of the store, open for reading. */
export type StoredFile = { bytes: number; contentType: string; stream: () => Readable }

/** Where stems and manifests are kept: `<task_id>/<stem>.<ext>` and `<task_id>/manifest.json`. */
export type StemStore = {
  /** The stem as it lies there, its sha256 taken from its bytes; `undefined` when there is none. */
  find: (taskId: string, stem: string) => Promise<StoredStem | undefined>
  /** Opens a new part for a stem. Every call gets one of its own, so that two writers never meet in one file. */
  createPart: (taskId: string, stem: string) => Promise<Part>
  /** Replaces the manifest as a whole, in one step that survives a power cut. */
  writeManifest: (manifest: Manifest) => Promise<void>
  /** Takes a published stem away, because its bytes are not what they were. */
  remove: (taskId: string, file: string) => Promise<void>
  /** The manifest; `undefined` when there is none that can be read. */
  readManifest: (taskId: string) => Promise<Manifest | undefined>
  /** Opens a published file; `undefined` when there is none by that name. */
  open: (taskId: string, file: string) => Promise<StoredFile | undefined>
  /** Throws a StemError that names the reason when nothing can be written. */
  check: () => Promise<void>
}
