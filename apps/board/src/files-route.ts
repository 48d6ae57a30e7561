import { buffer } from 'node:stream/consumers'
import type { StemStore } from '@stems/store/stem-store'
import type { FastifyInstance } from 'fastify'
import { sendFailure } from './answers.ts'
import { forForeignFiles } from './security-headers.ts'

/** Adds `/files/<task_id>/<file>`: stems and manifests as they lie in the store. The store refuses every other name. */
export const addFilesRoute = (app: FastifyInstance, store: StemStore): void => {
  app.route<{ Params: { taskId: string; file: string } }>({
    method: ['GET', 'HEAD'],
    url: '/files/:taskId/:file',
    helmet: forForeignFiles,
    handler: async (request, reply) => {
      const { taskId, file } = request.params
      const stored = await store.open(taskId, file)
      if (!stored) return sendFailure(request, reply, 404, 'The store has no such file.')
      reply
        .type(stored.contentType)
        .header('content-disposition', `${dispositionOf(stored.contentType)}; filename="${file}"`)
        .header('cache-control', 'private, no-cache')
      // A manifest may be replaced while it is read: its length is that of what was read.
      if (file === 'manifest.json') return await buffer(stored.stream())
      reply.header('content-length', stored.bytes)
      return reply.send(request.method === 'HEAD' ? undefined : stored.stream())
    },
  })
}

// The type comes from a name that a stranger has a say in. What is neither sound nor a manifest is saved, not shown.
const dispositionOf = (contentType: string): 'inline' | 'attachment' =>
  /^(audio\/|application\/json)/.test(contentType) ? 'inline' : 'attachment'
