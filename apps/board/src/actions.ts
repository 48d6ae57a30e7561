import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sendFailure } from './answers.ts'
import { objectionTo } from './same-site.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route changes something. Every route that does must say so, and none that is asked for with GET may. */
    changes?: boolean
  }
}

/**
 * Guards every action in one place: only an admin takes one, and only from a page of this board or by a program.
 *
 * It goes by the method, so that what no route answers is guarded too. A route that changes something and does not declare
 * it, or declares it and is asked for with GET, keeps the board from starting.
 */
export const addActionGuard = (app: FastifyInstance): void => {
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const each of [method].flat()) {
      if (isAction(each) === (config?.changes ?? false)) continue
      throw new Error(
        `${each} ${url}: a route declares \`config: { changes: true }\` if it changes something, only then`,
      )
    }
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (!isAction(request.method)) return done()
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

const isAction = (method: string): boolean => !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method)
