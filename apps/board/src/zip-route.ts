import type { Readable } from 'node:stream'
import type { Manifest, SavedStem } from '@stems/domain/manifest'
import type { ManifestWithAudio } from '@stems/domain/separation-analysis'
import { inMixOrder } from '@stems/domain/stem-order'
import { taskIdSchema } from '@stems/domain/task-id'
import type { StemStore, StoredFile } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import { ZipFile } from 'yazl'
import { z } from 'zod'
import { sendFailure } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import { joinAnalysis } from './join-analysis.ts'
import { commonProblems, problemResponse } from './problem.ts'

const schema = {
  summary: 'All stems of a separation and its manifest in one ZIP',
  description:
    'Streamed, without compression: `01_vocal.mp3` …, in the order of a mixer, and last `manifest.json` with ' +
    'the audio facts of the stems. `Content-Length` is that of the whole, so that a ' +
    'transfer which was cut is known to be.',
  params: z.object({ taskId: z.string() }),
  response: {
    200: { description: 'The ZIP', content: { 'application/zip': { schema: z.string() } } },
    404: problemResponse('The store has no stem of this separation'),
    ...commonProblems,
  },
}

type ZippedStore = Pick<StemStore, 'readManifest' | 'readAnalysis' | 'open'>
type ZippedFile = { name: string; savedAt: string; stored: StoredFile }

/** Adds `GET /files/<task_id>/stems.zip`. */
export const addZipRoute = (app: DocumentedApp, store: ZippedStore, log: Log): void => {
  const filesOf = async ({ task_id, stems }: Manifest): Promise<ZippedFile[]> => {
    const saved = inMixOrder(Object.keys(stems)).flatMap((name) => {
      const stem = stems[name]
      return stem?.status === 'saved' ? [{ name, stem }] : []
    })
    const opened = await Promise.all(
      saved.map(async ({ name, stem }, index) => ({
        name: zippedName(index, saved.length, name, stem),
        savedAt: stem.saved_at,
        stored: await store.open(task_id, stem.file),
      })),
    )
    return opened.filter((file): file is ZippedFile => file.stored !== undefined)
  }

  // No HEAD: yazl tells the length when it begins.
  app.get('/files/:taskId/stems.zip', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { taskId } = request.params
    const manifest = taskIdSchema.safeParse(taskId).success ? await store.readManifest(taskId) : undefined
    const files = manifest ? await filesOf(manifest) : []
    if (!manifest || files.length === 0)
      return sendFailure(request, reply, 404, 'The store has no stem of this separation.')
    const { length, stream } = await zip(files, await joinAnalysis(manifest, store, log))
    stream.once('error', (error: Error) => log.warn({ taskId, error: error.message }, 'zip.cut_short'))
    return reply
      .type('application/zip')
      .header('content-disposition', `attachment; filename="${taskId}.zip"`)
      .header('content-length', length)
      .header('cache-control', 'private, no-cache')
      .send(stream as never)
  })
}

const PLAIN = { forceZip64Format: false, comment: '' }

/** As a DAW sorts them: `01_vocal.mp3`. */
const zippedName = (index: number, count: number, name: string, { file }: SavedStem): string => {
  const number = `${index + 1}`.padStart(Math.max(2, `${count}`.length), '0')
  return `${number}_${name}${file.replace(/^[^.]*/, '')}`
}

// Sound does not get smaller. The files are opened one after the other, as their turn comes.
const zip = async (files: ZippedFile[], manifest: ManifestWithAudio): Promise<{ length: number; stream: Readable }> => {
  const archive = new ZipFile()
  const stream = archive.outputStream as Readable
  archive.on('error', (error: Error) => stream.destroy(error))
  let open: Readable | undefined
  for (const { name, savedAt, stored } of files) {
    const options = { compress: false, size: stored.bytes, mtime: new Date(savedAt) }
    archive.addReadStreamLazy(name, options, (opened) => {
      open = stored.stream()
      open.once('error', (error: Error) => stream.destroy(error))
      opened(null, open)
    })
  }
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
  archive.addBuffer(text, 'manifest.json', { compress: false, mtime: new Date(manifest.finished_at) })
  stream.once('close', () => open?.destroy()) // who hangs up keeps no file open
  const length = await new Promise<number>((resolve) => archive.end(PLAIN, resolve as () => void)) // its types leave the length out
  return { length, stream }
}
