import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A real mp3 for a path: the instrument that the path names, told from every other file by an ID3 title.
 *
 * @param path such as `/s/<uuid>_Drums.mp3`
 * @param bytes at least this long, by playing it again and again
 */
export const mp3For = (path: string, bytes = 0): Buffer => {
  const audio = instrument(path)
  const times = Math.max(1, Math.ceil(bytes / audio.length))
  return Buffer.concat([titleTag(path), ...Array<Buffer>(times).fill(audio)])
}

const instrument = (path: string): Buffer => {
  const named = /_([A-Za-z_]+)\.mp3$/.exec(path)?.[1]?.toLowerCase() ?? ''
  return recording(FILES[named] ?? (RECORDINGS.includes(named) ? named : 'origin'))
}

const FILES: Record<string, string> = { vocals: 'vocal' }
const RECORDINGS = [
  ...['vocal', 'backing_vocals', 'instrumental', 'drums', 'bass', 'guitar', 'keyboard', 'percussion'],
  ...['strings', 'synth', 'fx', 'brass', 'woodwinds', 'origin'],
]

const cache = new Map<string, Buffer>()
const recording = (name: string): Buffer => {
  const known = cache.get(name)
  if (known) return known
  const audio = readFileSync(join(import.meta.dirname, 'audio', `${name}.mp3`))
  cache.set(name, audio)
  return audio
}

// ID3v2.3 with one TIT2 frame. Sizes: the tag's is «syncsafe» (7 bits a byte), the frame's is a plain big-endian number.
const titleTag = (title: string): Buffer => {
  const text = Buffer.concat([Buffer.from([0]), Buffer.from(title, 'latin1')])
  const frame = Buffer.alloc(10)
  frame.write('TIT2', 'latin1')
  frame.writeUInt32BE(text.length, 4)
  const size = frame.length + text.length
  const header = Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, 0, (size >> 14) & 127, (size >> 7) & 127, size & 127])
  return Buffer.concat([header, frame, text])
}
