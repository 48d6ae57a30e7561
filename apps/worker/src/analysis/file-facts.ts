import type { Readable } from 'node:stream'
import { type IAudioMetadata, parseStream } from 'music-metadata'

/** What a file says of its audio, in headers and tables. */
export type FileFacts = {
  seconds?: number | undefined
  bitRate?: number | undefined
  hasConstantRate: boolean
  sampleRate?: number | undefined
  channels?: number | undefined
}

/**
 * Reads what a file says of itself; reads no further than it must.
 *
 * @param isMeasured is there a decoder that will tell how long it is? Else the whole file may have to be read
 * @returns nothing that is known where the file says nothing that can be read
 * @throws when the stream does not give the bytes
 */
export const readFileFacts = async (
  stream: Readable,
  { contentType, bytes, isMeasured }: { contentType: string; bytes: number; isMeasured: boolean },
): Promise<FileFacts> => {
  let broken: Error | undefined
  stream.once('error', (error: Error) => {
    broken = error
  })
  try {
    const given = { mimeType: contentType, size: bytes }
    return factsOf(await parseStream(stream, given, { duration: !isMeasured, skipCovers: true }))
  } catch {
    if (broken) throw broken
    return { hasConstantRate: false }
  } finally {
    stream.destroy()
  }
}

const factsOf = ({ format }: IAudioMetadata): FileFacts => ({
  seconds: positive(format.duration),
  bitRate: positive(format.bitrate),
  hasConstantRate: format.codecProfile === 'CBR',
  sampleRate: positive(format.sampleRate),
  channels: positive(format.numberOfChannels),
})

// Files say anything.
const positive = (value: number | undefined): number | undefined =>
  value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined
