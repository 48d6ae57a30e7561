import { buffer } from 'node:stream/consumers'
import { type Entry, fromBuffer, type ZipFile } from 'yauzl'

/** Names and contents of a ZIP, in its order. */
export const unzip = async (zip: Buffer): Promise<[name: string, bytes: Buffer][]> => {
  const opened = await new Promise<ZipFile>((resolve, reject) =>
    fromBuffer(zip, { lazyEntries: true }, (error, file) => (error ? reject(error) : resolve(file))),
  )
  const files: [string, Buffer][] = []
  await new Promise((resolve, reject) => {
    opened.on('entry', (entry: Entry) =>
      opened.openReadStream(entry, (error, stream) => {
        if (error) return reject(error)
        buffer(stream).then((bytes) => {
          files.push([entry.fileName, bytes])
          opened.readEntry()
        }, reject)
      }),
    )
    opened.once('end', resolve).once('error', reject)
    opened.readEntry()
  })
  return files
}
