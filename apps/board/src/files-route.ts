import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ByteRange, StemStore, StoredFile } from '@stems/store/stem-store'
import { z } from 'zod'
import { sendFailure } from './answers.ts'
import { holdsTag, readRange } from './byte-range.ts'
import type { DocumentedApp } from './documented.ts'
import { commonProblems, problemResponse } from './problem.ts'
import { forForeignFiles } from './security-headers.ts'

const content = (description: string) => ({
  description,
  content: { 'audio/mpeg': { schema: z.string() }, 'application/json': { schema: z.string() } },
})

const schema = {
  summary: 'A stem, its waveform, a manifest or an analysis',
  description:
    'Takes `Range: bytes=…` for one range, `If-Range` and `If-None-Match` with the `ETag` of an earlier answer. Problems ' +
    'are pages for a login and application/problem+json for a key.',
  params: z.object({ taskId: z.string(), file: z.string() }),
  response: {
    200: content('The file'),
    206: content('The range of it that was asked for'),
    304: z.null().describe('It is the one that you have'),
    404: problemResponse('The store has no such file'),
    416: problemResponse('The file is shorter; `Content-Range` tells its length'),
    ...commonProblems,
  },
}

/** Adds `/files/<task_id>/<file>`: stems, their peaks, manifests and analyses as the store has them. The store refuses every other name. */
export const addFilesRoute = (app: DocumentedApp, store: StemStore): void => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/files/:taskId/:file',
    schema,
    helmet: forForeignFiles,
    handler: async (request, reply) => {
      const { taskId, file } = request.params
      const found = await store.open(taskId, file)
      if (!found) return sendFailure(request, reply, 404, 'The store has no such file.')
      const stored = file.endsWith('.json') ? await readWhole(found) : found
      const etag = `"${stored.version}"`
      reply.header('accept-ranges', 'bytes').header('etag', etag).header('cache-control', 'private, no-cache')
      if (holdsTag(request.headers['if-none-match'], etag)) return reply.code(304).send(NOTHING)

      const ifRange = request.headers['if-range']
      const isSame = ifRange === undefined || ifRange === etag
      const range = isSame ? readRange(request.headers.range, stored.bytes) : 'all'
      if (range === 'none') {
        reply.removeHeader('etag').header('content-range', `bytes */${stored.bytes}`)
        return sendFailure(request, reply, 416, `The file has ${stored.bytes} bytes.`)
      }
      reply
        .type(stored.contentType)
        .header('content-disposition', `${dispositionOf(stored.contentType)}; filename="${file}"`)
        .header('content-length', lengthOf(range, stored))
      if (range !== 'all') reply.code(206).header('content-range', rangeText(range, stored))
      if (request.method === 'HEAD') return reply.send(NOTHING)
      return reply.send(stored.stream(range === 'all' ? undefined : range) as never)
    },
  })
}

// `null` would be sent as JSON.
const NOTHING = undefined as never

// A manifest or an analysis may be replaced while it is read: its length and its version are those of what was read.
const readWhole = async (stored: StoredFile): Promise<StoredFile> => {
  const bytes = await buffer(stored.stream())
  return {
    bytes: bytes.length,
    contentType: stored.contentType,
    version: createHash('sha256').update(bytes).digest('hex'),
    stream: (range) => Readable.from([range ? bytes.subarray(range.first, range.last + 1) : bytes]),
  }
}

const lengthOf = (range: ByteRange | 'all', { bytes }: StoredFile): number =>
  range === 'all' ? bytes : range.last - range.first + 1

const rangeText = ({ first, last }: ByteRange, { bytes }: StoredFile): string => `bytes ${first}-${last}/${bytes}`

// The type comes from a name that a stranger has a say in. What is neither sound nor a manifest is saved, not shown.
const dispositionOf = (contentType: string): 'inline' | 'attachment' =>
  /^(audio\/|application\/json)/.test(contentType) ? 'inline' : 'attachment'
