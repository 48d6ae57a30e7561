import type { FastifyInstance } from 'fastify'
import { sendFailure } from './answers.ts'
import type { Library } from './library.ts'
import { readPageNumber } from './page-number.ts'

/** Adds the library for programs. */
export const addApiRoutes = (app: FastifyInstance, library: Library): void => {
  app.get('/api/separations', (request, reply) => {
    const page = readPageNumber(request.query)
    if (page === undefined) return sendFailure(request, reply, 400, 'page must be a whole number from 1.')
    return library.page(page)
  })
  app.get<{ Params: { taskId: string } }>('/api/separations/:taskId', async (request, reply) => {
    const found = await library.find(request.params.taskId)
    return found ?? sendFailure(request, reply, 404, 'Neither the queue nor the store know a separation of this id.')
  })
}
