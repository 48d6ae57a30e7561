import type { BoardQueues } from '@stems/queue/board-queues'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { sendError, sendFailure } from './answers.ts'
import { addApiRoutes } from './api-routes.ts'
import { addBullBoard } from './bull-board.ts'
import { addFilesRoute } from './files-route.ts'
import { addOpenHealthRoutes } from './health-routes.ts'
import type { Library } from './library.ts'
import { addLibraryRoute } from './library-route.ts'
import { addLogin, type Login } from './login.ts'
import { addReplayRoute, type Replay } from './replay-route.ts'
import { addSecurityHeaders } from './security-headers.ts'

export type ServerOptions = {
  login: Login
  library: Library
  replay: Replay
  store: StemStore
  queues: BoardQueues
  isReady: () => boolean
  log: Log
}

/** The HTTP server, not yet listening. */
export const createServer = async ({ login, library, replay, store, queues, isReady, log }: ServerOptions) => {
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 15_000,
    routerOptions: { maxParamLength: 512 },
    // A URL that cannot be read reaches no hook.
    frameworkErrors: (error, request, reply) =>
      askForLogin(request, reply, () => sendFailure(request, reply, error.statusCode ?? 400, 'This is no address.')),
    return503OnClosing: true,
  })
  app.setErrorHandler(sendError)
  app.setNotFoundHandler((request, reply) => sendFailure(request, reply, 404, 'There is nothing here.'))

  await addSecurityHeaders(app)
  const askForLogin = await addLogin(app, login)
  leaveNoConnectionBehind(app)
  addOpenHealthRoutes(app, isReady)
  addLibraryRoute(app, library)
  addApiRoutes(app, library)
  addReplayRoute(app, replay)
  addFilesRoute(app, store)
  await addBullBoard(app, queues)
  return app
}

// A download that ends while the server closes would keep its connection, and with it the process, for a minute.
const leaveNoConnectionBehind = (app: FastifyInstance): void => {
  let closing = false
  app.addHook('preClose', (done) => {
    closing = true
    done()
  })
  app.addHook('onResponse', (_request, _reply, done) => {
    if (closing) app.server.closeIdleConnections()
    done()
  })
}
