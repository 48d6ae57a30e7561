import type { Quarantine } from '@stems/queue/quarantine'
import type { FastifyInstance } from 'fastify'
import { isAskedAgain, sendPage } from './answers.ts'
import type { Library } from './library.ts'
import { readView } from './library-view.ts'
import { layout } from './pages/layout.ts'
import { libraryPage } from './pages/library-page.ts'

/** Adds the library for people: `/`. */
export const addLibraryRoute = (
  app: FastifyInstance,
  library: Library,
  quarantine: Pick<Quarantine, 'count'>,
): void => {
  app.get('/', async (request, reply) => {
    const view = readView(request.query)
    const [page, quarantined] = await Promise.all([
      isAskedAgain(request) ? library.pageAgain(view) : library.page(view),
      quarantine.count(),
    ])
    return sendPage(reply, layout(libraryPage(page, view, { mayAct: request.role === 'admin', quarantined })))
  })
}
