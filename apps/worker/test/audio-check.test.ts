import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { mp3For } from '../../../test/stand-in/audio.ts'
import { identifyAudio } from '../src/audio-check.ts'

const fileWith = async (bytes: Buffer | string) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-audio-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'x.part'), bytes)
  return join(folder, 'x.part')
}

const identify = async (content: Buffer | string) => identifyAudio(await fileWith(content))

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat([
    ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
    PADDING,
  ])
const PADDING = Buffer.alloc(512)
const ogg = (packet: string) => bytes('OggS', [0, 2], Array(20).fill(0), [1, packet.length], packet)
const mp3Frame = [0xff, 0xfb, 0x90, 0x64]

test.each<[string, Buffer, string, string]>([
  ['an mp3 with an ID3 tag', mp3For('/s/x_Drums.mp3'), 'mp3', 'audio/mpeg'],
  ['an mp3 without a tag', bytes(mp3Frame), 'mp3', 'audio/mpeg'],
  ['a wav', bytes('RIFF', [36, 0, 0, 0], 'WAVEfmt '), 'wav', 'audio/wav'],
  ['a flac', bytes('fLaC', [0, 0, 0, 34]), 'flac', 'audio/flac'],
  ['an ogg with Vorbis', ogg('\x01vorbis'), 'ogg', 'audio/ogg'],
  ['an ogg with Opus', ogg('OpusHead'), 'opus', 'audio/ogg; codecs=opus'],
])('%s is audio', async (_what, content, extension, contentType) => {
  expect(await identify(content)).toEqual({ extension, contentType })
})

const tagOf = (size: number) => [
  'ID3',
  [3, 0, 0, (size >> 21) & 127, (size >> 14) & 127, (size >> 7) & 127, size & 127],
  Array<number>(size).fill(0),
]

test.each([11, 2000, 5000, 100_000])('what follows a tag of %i bytes decides', async (size) => {
  for (const tags of [tagOf(size), [...tagOf(100), ...tagOf(size)]]) {
    expect(await identify(bytes(...tags, 'fLaC', [0, 0, 0, 34]))).toEqual({
      extension: 'flac',
      contentType: 'audio/flac',
    })
    expect(await identify(bytes(...tags, mp3Frame))).toEqual({ extension: 'mp3', contentType: 'audio/mpeg' })
    await expect(identify(bytes(...tags, '<!DOCTYPE html>'))).rejects.toMatchObject({ code: 'not_audio' })
  }
})

test.each<[string, Buffer | string, RegExp]>([
  ['an error page', '<!DOCTYPE html><html><title>403 Forbidden</title>', /no audio, perhaps an error page/],
  ['a page with a BOM', '\ufeff<html><body>Just a moment...</body></html>', /no audio/],
  ['a page in UTF-16', Buffer.from('\ufeff<html>no</html>', 'utf16le'), /no audio/],
  ['an XML error of a bucket', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', /application\/xml/],
  ['JSON', '{"code":404,"msg":"not found"}', /no audio/],
  ['text that begins like a tag', 'ID', /no audio/],
  ['an image', bytes([0x89], 'PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR'), /image\/png/],
  ['a zip', bytes('PK\x03\x04'), /application\/zip/],
  ['a compressed file', bytes([0x1f, 0x8b, 8]), /application\/gzip/],
  ['zeros', Buffer.alloc(4096), /no audio/],
  ['one byte', 'x', /no audio/],
  ['nothing', '', /no audio/],
])('%s is no audio, and the message says what came', async (_what, content, words) => {
  await expect(identify(content)).rejects.toEqual(
    expect.objectContaining({ code: 'not_audio', message: expect.stringMatching(words) }),
  )
})

test.each<[string, Buffer | string, string]>([
  ['an error page', '<!DOCTYPE html><html><title>403 Forbidden</title>', 'refresh-url'],
  ['an XML error of a bucket', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', 'refresh-url'],
  ['a zip', bytes('PK\x03\x04'), 'never'],
])('%s tells whether a fresh link may help', async (_what, content, verdict) => {
  await expect(identify(content)).rejects.toMatchObject({ code: 'not_audio', verdict })
})

test('a file that is gone is not called an error page', async () => {
  await expect(identifyAudio('/no/such/file.part')).rejects.toMatchObject({
    code: 'ENOENT',
  })
})
