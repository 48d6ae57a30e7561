import { type FileHandle, open } from 'node:fs/promises'
import { Writable } from 'node:stream'

const BUFFER_BYTES = 128 * 1024 // fewer, larger writes, and no more memory for each of many downloads than that twice

/**
 * Writes a file from an offset on, and flushes it to the disk before it finishes.
 *
 * Node's own `createWriteStream` is not used: when a full disk takes only a part of a buffer and has room again a moment
 * later, Node 24 writes the rest twice, without an error.
 *
 * @param from 0 makes the file anew
 * @param explain turns what the disk says into words
 */
export const createFileWritable = (path: string, from: number, explain: (error: unknown) => unknown): Writable => {
  let handle: FileHandle | undefined
  let position = from

  const put = async (buffer: Buffer): Promise<void> => {
    for (let done = 0; done < buffer.length; ) {
      const { bytesWritten } = await opened(handle).write(buffer, done, buffer.length - done, position)
      done += bytesWritten
      position += bytesWritten
    }
  }
  const putAll = async (buffers: Buffer[]): Promise<void> => {
    const { bytesWritten } = await opened(handle).writev(buffers, position)
    position += bytesWritten
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    if (bytesWritten < length) await put(Buffer.concat(buffers).subarray(bytesWritten))
  }
  const settle = (work: Promise<unknown>, done: (error?: Error | null) => void): void => {
    work.then(
      () => done(),
      (error: unknown) => done(explain(error) as Error),
    )
  }

  return new Writable({
    highWaterMark: BUFFER_BYTES,
    construct: (done) => {
      const opening = open(path, from > 0 ? 'r+' : 'w').then((file) => {
        handle = file
      })
      settle(opening, done)
    },
    write: (chunk: Buffer, _encoding, done) => settle(put(chunk), done),
    writev: (chunks, done) => settle(putAll(chunks.map(({ chunk }) => chunk as Buffer)), done),
    final: (done) => settle(opened(handle).sync(), done),
    destroy: (error, done) => {
      if (!handle) return done(error)
      handle.close().then(() => done(error), done)
    },
  })
}

const opened = (handle: FileHandle | undefined): FileHandle => {
  if (!handle) throw new Error('the file is not open')
  return handle
}
