import { StemError } from '@stems/domain/errors'
import { fileTypeFromFile } from 'file-type'

/** What a file is by its bytes. */
export type AudioType = { extension: string; contentType: string }

/**
 * Tells what kind of audio a file holds, by its bytes: a name, a status 200 and a content type prove nothing.
 *
 * @param path a complete file
 * @throws {StemError} `not_audio` when it holds something else. What may be an error page says that the link is dead; a file
 * of another kind will be there under any link.
 */
export const identifyAudio = async (path: string): Promise<AudioType> => {
  const type = await fileTypeFromFile(path)
  if (type?.mime.startsWith('audio/')) return { extension: type.ext, contentType: type.mime }
  const found = type ? `a file of type ${type.mime}` : 'something that is no audio, perhaps an error page'
  const verdict = type && type.mime !== 'application/xml' ? 'never' : 'refresh-url' // buckets say in XML that a link has expired
  throw new StemError('not_audio', verdict, `the remote host answered 200 and sent ${found}.`)
}
