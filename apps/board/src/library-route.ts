import type { FastifyInstance } from 'fastify'
import type { EventStreams } from './event-streams.ts'
import type { Library } from './library.ts'
import { readView } from './library-view.ts'
import { addLivePage } from './live-route.ts'
import { libraryPage } from './pages/library-page.ts'
import type { QuarantineDesk } from './quarantine-desk.ts'

/** Adds the library for people: `/`. */
export const addLibraryRoute = (
  app: FastifyInstance,
  streams: EventStreams,
  library: Library,
  quarantine: Pick<QuarantineDesk, 'count'>,
): void =>
  addLivePage(app, streams, {
    path: '/',
    read: async (request, isAgain) => {
      const view = readView(request.query)
      const [page, quarantined] = await Promise.all([
        isAgain ? library.pageAgain(view) : library.page(view),
        quarantine.count(),
      ])
      return libraryPage(page, view, { mayAct: request.role === 'admin', quarantined })
    },
  })
