import type { BoardQueues } from '@stems/queue/board-queues'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { addActionGuard } from './actions.ts'
import { sendError, sendFailure } from './answers.ts'
import { addApiRoutes } from './api-routes.ts'
import { addBullBoard } from './bull-board.ts'
import { addFilesRoute } from './files-route.ts'
import { addOpenHealthRoutes } from './health-routes.ts'
import type { Library } from './library.ts'
import { addLibraryRoute } from './library-route.ts'
import { addLogin, type Login } from './login.ts'
import type { QuarantineDesk } from './quarantine-desk.ts'
import { addQuarantineRoutes } from './quarantine-routes.ts'
import { addReplayRoute, type Replay } from './replay-route.ts'
import { addSecurityHeaders } from './security-headers.ts'

export type ServerOptions = {
  logins: Login[]
  /** Addresses and networks of proxies in front of the board; what they say of the client and of the host is believed. */
  trustedProxies: string[]
  library: Library
  quarantine: QuarantineDesk
  replay: Replay
  store: StemStore
  queues: BoardQueues
  isReady: () => boolean
  log: Log
}

/** The HTTP server, not yet listening. */
export const createServer = async (options: ServerOptions) => {
  const { logins, trustedProxies, library, quarantine, replay, store, queues, isReady, log } = options
  const app: FastifyInstance = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 15_000,
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    routerOptions: { maxParamLength: 512 },
    // No hook runs for an address that cannot be read, so it is asked for under one that can: login and headers come with it.
    frameworkErrors: (_error, { raw }, reply) => {
      raw.url = UNREADABLE
      app.routing(raw, reply.raw)
    },
    return503OnClosing: true,
  })
  app.setErrorHandler(sendError)
  app.setNotFoundHandler((request, reply) =>
    request.url === UNREADABLE
      ? sendFailure(request, reply, 400, 'This is no address.')
      : sendFailure(request, reply, 404, 'There is nothing here.'),
  )

  await addSecurityHeaders(app)
  await addLogin(app, logins)
  addActionGuard(app)
  leaveNoConnectionBehind(app)
  addOpenHealthRoutes(app, isReady)
  addLibraryRoute(app, library, quarantine)
  addApiRoutes(app, library)
  addReplayRoute(app, replay)
  addQuarantineRoutes(app, quarantine)
  addFilesRoute(app, store)
  await addBullBoard(app, queues)
  return app
}

const UNREADABLE = '/unreadable-address'

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
