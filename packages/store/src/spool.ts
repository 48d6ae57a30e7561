import { createHash } from 'node:crypto'
import { access, constants, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { makeFolder, sweepParts, writeDurably } from './durable-file.ts'
import { ignoreMissing } from './missing.ts'

const entrySchema = z.object({
  taskId: z.string(),
  receivedAt: z.iso.datetime(),
  payload: z.unknown(),
  /** Nothing proved who sent it. */
  isUnproven: z.literal(true).optional(),
  /** The mark of the purchase that it answers, where its URL bore one. */
  purchase: z.string().optional(),
  /** The trace that it goes on, in the form of W3C Trace Context, where traces are kept. */
  traceparent: z.string().optional(),
})

/** A verified callback that waits for Redis. */
export type SpoolEntry = z.infer<typeof entrySchema>

/** The spool holds as many bytes as it may. */
export class SpoolFullError extends Error {
  constructor(maxBytes: number) {
    super(`the spool holds ${maxBytes} bytes, as many as it may (SPOOL_MAX_BYTES)`)
    this.name = 'SpoolFullError'
  }
}

type SpooledFile = { name: string; receivedAtMs: number; bytes: number }

const FILE_NAME = /^(\d{13,})-([0-9a-f]{32})\.json$/

/**
 * Callbacks on disk, one file each, oldest first. What `put` has returned for survives a power cut.
 *
 * @param directory made when it is missing
 * @param maxBytes how much it may hold
 */
export const createSpool = (directory: string, maxBytes: number) => {
  const folder = resolve(directory)
  const files = new Map<string, SpooledFile>() // by the hash of what they say
  const beingWritten = new Map<string, Promise<void>>()
  let bytesHeld = 0

  const remember = (hash: string, file: SpooledFile): void => {
    files.set(hash, file)
    bytesHeld += file.bytes
  }

  const forget = (hash: string): void => {
    bytesHeld -= files.get(hash)?.bytes ?? 0
    files.delete(hash)
  }

  const write = async (entry: SpoolEntry, hash: string): Promise<void> => {
    const text = JSON.stringify(entry)
    const receivedAtMs = Date.parse(entry.receivedAt)
    const file = { name: `${receivedAtMs}-${hash}.json`, receivedAtMs, bytes: Buffer.byteLength(text) }
    if (bytesHeld + file.bytes > maxBytes) throw new SpoolFullError(maxBytes)
    bytesHeld += file.bytes // of many at once, none may overshoot
    try {
      await writeDurably(join(folder, file.name), text, { mode: 0o600 }) // links as they came, secrets and all
    } finally {
      bytesHeld -= file.bytes
    }
    remember(hash, file)
  }

  const readEntry = async (name: string): Promise<SpoolEntry | 'unreadable' | 'missing'> => {
    const text = await readFile(join(folder, name), 'utf8').catch(ignoreMissing)
    if (text === undefined) return 'missing' // another ingress on the same directory was quicker
    try {
      return entrySchema.parse(JSON.parse(text))
    } catch {
      return 'unreadable'
    }
  }

  return {
    /**
     * Makes the directory and finds what an earlier process left.
     *
     * @throws when the directory cannot be written
     */
    open: async (): Promise<void> => {
      await makeFolder(folder)
      await access(folder, constants.W_OK | constants.X_OK)
      for (const name of await readdir(folder)) {
        const [, receivedAtMs, hash] = FILE_NAME.exec(name) ?? []
        if (hash)
          remember(hash, { name, receivedAtMs: Number(receivedAtMs), bytes: (await stat(join(folder, name))).size })
      }
      // What a crash left half-written was never answered 200. What is young may be another ingress's.
      await sweepParts(folder, 60_000, '.part')
    },
    /**
     * Keeps one callback. A repeat of one that is kept already adds nothing.
     *
     * @throws {SpoolFullError}
     * @throws when the disk does not take it
     */
    put: async (entry: SpoolEntry): Promise<void> => {
      const hash = hashOf(entry)
      if (files.has(hash)) return
      const writing = beingWritten.get(hash) ?? write(entry, hash).finally(() => beingWritten.delete(hash))
      beingWritten.set(hash, writing)
      await writing
    },
    /**
     * Gives every callback to `deliver`, oldest first, and forgets those that it took. What cannot be read is set aside under
     * another name.
     *
     * @param deliver returns false to keep this one for another time; throws to stop
     */
    drain: async (deliver: (entry: SpoolEntry) => Promise<boolean>): Promise<void> => {
      const oldestFirst = [...files].sort(([, a], [, b]) => a.receivedAtMs - b.receivedAtMs)
      for (const [hash, { name }] of oldestFirst) {
        const entry = await readEntry(name)
        if (entry === 'unreadable') {
          // Another ingress on the same directory may have been quicker.
          await rename(join(folder, name), join(folder, `${name}.unreadable`)).catch(ignoreMissing)
        } else if (entry !== 'missing') {
          if (!(await deliver(entry))) continue
          await rm(join(folder, name), { force: true })
        }
        forget(hash)
      }
    },
    /** How much it holds, and for how long the oldest has been waiting. */
    state: (now = Date.now()) => {
      const oldest = [...files.values()].reduce((earliest, file) => Math.min(earliest, file.receivedAtMs), now)
      return { files: files.size, bytes: bytesHeld, oldestAgeSeconds: (now - oldest) / 1000 }
    },
  }
}

export type Spool = ReturnType<typeof createSpool>

const hashOf = ({ taskId, payload }: SpoolEntry): string =>
  createHash('sha256')
    .update(JSON.stringify([taskId, payload]))
    .digest('hex')
    .slice(0, 32)
