import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { sendPage } from './answers.ts'
import type { Library } from './library.ts'
import { readPageNumber } from './page-number.ts'
import { libraryPage } from './pages/library-page.ts'

const stylesheet = readFileSync(new URL('./pages/style.css', import.meta.url), 'utf8')

/** Adds the library for people: `/` and its stylesheet. */
export const addLibraryRoute = (app: FastifyInstance, library: Library): void => {
  app.get('/', async (request, reply) => {
    const page = await library.page(readPageNumber(request.query) ?? 1)
    return sendPage(reply, libraryPage(page))
  })
  app.get('/style.css', (_request, reply) =>
    reply.type('text/css; charset=utf-8').header('cache-control', 'private, no-cache').send(stylesheet),
  )
}
