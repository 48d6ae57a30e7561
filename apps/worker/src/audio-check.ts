import { StemError } from '@stems/domain/errors'
import { type FileTypeResult, fileTypeFromBuffer, fileTypeFromFile } from 'file-type'

/** What a file is by its bytes. */
export type AudioType = { extension: string; contentType: string }

/**
 * Tells what kind of audio a file holds, by its bytes: a name, a status 200 and a content type prove nothing.
 *
 * @param path a complete file
 * @param head its first bytes, or none: mostly they say it, and the file need not be opened
 * @throws {StemError} `not_audio` when it holds something else. What may be an error page says that the link is dead; a file
 * of another kind will be there under any link.
 */
export const identifyAudio = async (path: string, head: Buffer): Promise<AudioType> => {
  const type = (await audioByHead(head)) ?? (await fileTypeFromFile(path))
  if (type?.mime.startsWith('audio/')) return { extension: type.ext, contentType: type.mime }
  const found = type ? `a file of type ${type.mime}` : 'something that is no audio, perhaps an error page'
  const verdict = type && type.mime !== 'application/xml' ? 'never' : 'refresh-url' // buckets say in XML that a link has expired
  throw new StemError('not_audio', verdict, `the far side answered 200 and sent ${found}.`)
}

// What the head alone would not tell in the same way as the whole file is left to the file.
const audioByHead = async (head: Buffer): Promise<FileTypeResult | undefined> => {
  const tagBytes = lengthOfTag(head)
  if (tagBytes > head.length) return undefined // what follows the tag decides
  if (tagBytes > 0) return audioByHead(head.subarray(tagBytes)) // another tag, perhaps
  const type = await fileTypeFromBuffer(head)
  return type?.mime.startsWith('audio/') ? type : undefined
}

// ID3v2: four bytes of seven bits each say how much comes after the ten of the tag's head (https://id3.org/id3v2.3.0).
const lengthOfTag = (head: Buffer): number =>
  head.length >= 10 && head.toString('latin1', 0, 3) === 'ID3'
    ? 10 + head.subarray(6, 10).reduce((length, byte) => length * 128 + (byte & 127), 0)
    : 0
