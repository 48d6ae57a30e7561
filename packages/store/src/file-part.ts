import { randomUUID } from 'node:crypto'
import { createWriteStream, type WriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { linkDurably } from './durable-file.ts'
import { publishedFileName } from './file-name.ts'
import type { Part } from './stem-store.ts'
import type { StoreErrors } from './store-errors.ts'

const WRITE_BUFFER_BYTES = 1 << 20 // fewer, larger writes: measured at 1.5 times the speed of the default

/** A part beside the place where its stem will be, under a name that no other writer has. */
export const createFilePart = (folder: string, stem: string, { explain, guard }: StoreErrors): Part => {
  const path = join(folder, `${stem}.${randomUUID()}.part`)
  return {
    path,
    writable: () => {
      const stream = createWriteStream(path, { flags: 'wx', flush: true, highWaterMark: WRITE_BUFFER_BYTES })
      return failingInWords(stream, explain)
    },
    publish: guard(async (extension) => {
      const file = publishedFileName(stem, extension)
      return (await linkDurably(path, join(folder, file))) ? file : undefined
    }),
    // A part that cannot be removed is swept later; it must not hide why the attempt failed.
    discard: () => rm(path, { force: true }).catch(() => {}),
  }
}

const failingInWords = (stream: WriteStream, explain: StoreErrors['explain']): WriteStream => {
  const destroy = stream._destroy.bind(stream)
  stream._destroy = (error, done) => destroy(error, (failure) => done(failure ? (explain(failure) as Error) : failure))
  return stream
}
