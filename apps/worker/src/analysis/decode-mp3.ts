import { MPEGDecoder } from 'mpg123-decoder'

const PIECE = 8192 // of a file with a low rate it is many times as much audio

/** A piece of decoded audio: samples from -1 to 1, channel by channel; of mono the decoder gives two that are alike. */
export type Decoded = { channels: Float32Array[]; sampleRate: number; unreadable: number }

/**
 * Decodes MPEG audio (layers I to III) as it comes; a piece of the file and what was decoded from it are in memory at a time.
 * What an encoder put before and after the music is left out. Goes on behind what cannot be read.
 */
export async function* decodeMp3(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Decoded> {
  const decoder = new MPEGDecoder()
  await decoder.ready
  try {
    for await (const chunk of bytes) {
      for (let from = 0; from < chunk.length; from += PIECE) {
        const { channelData, sampleRate, errors } = decoder.decode(chunk.subarray(from, from + PIECE))
        yield { channels: channelData, sampleRate, unreadable: errors.length }
      }
    }
  } finally {
    decoder.free()
  }
}
