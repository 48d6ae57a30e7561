import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { sendPage } from './answers.ts'
import type { Library } from './library.ts'
import { readPageNumber } from './page-number.ts'
import { libraryPage } from './pages/library-page.ts'
import type { QuarantineDesk } from './quarantine-desk.ts'

const stylesheet = readFileSync(new URL('./pages/style.css', import.meta.url), 'utf8')

/** Adds the library for people: `/` and its stylesheet. */
export const addLibraryRoute = (
  app: FastifyInstance,
  library: Library,
  quarantine: Pick<QuarantineDesk, 'count'>,
): void => {
  app.get('/', async (request, reply) => {
    const [page, quarantined] = await Promise.all([
      library.page(readPageNumber(request.query) ?? 1),
      quarantine.count(),
    ])
    return sendPage(reply, libraryPage(page, { mayAct: request.role === 'admin', quarantined }))
  })
  app.get('/style.css', (_request, reply) =>
    reply.type('text/css; charset=utf-8').header('cache-control', 'private, no-cache').send(stylesheet),
  )
}
