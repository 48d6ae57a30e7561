import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sendFailure } from './answers.ts'
import { objectionTo } from './same-site.ts'

/**
 * Guards every action in one place: only an admin takes one, and only from a page of this board or by a program.
 *
 * It goes by the method, so that what no route answers is guarded too.
 */
export const addActionGuard = (app: FastifyInstance): void => {
  app.addHook('onRequest', (request, reply, done) => {
    if (['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(request.method)) return done()
    const objection =
      request.role === 'admin' ? objectionOf(request) : 'This login may look at everything and change nothing.'
    if (objection === undefined) return done()
    sendFailure(request, reply, 403, objection)
  })
  app.removeContentTypeParser('text/plain') // which every page may send without being asked
  // Forms have few fields, buttons none; Fastify would refuse their content type.
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 1024 },
    (_request, body, parsed) => parsed(null, Object.fromEntries(new URLSearchParams(String(body)))),
  )
}

// No browser sends a key by itself, so that no page can make one misuse it.
const objectionOf = (request: FastifyRequest): string | undefined => (request.hasKey ? undefined : objectionTo(request))
