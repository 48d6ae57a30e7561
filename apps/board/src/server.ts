import type { Socket } from 'node:net'
import fastifyEtag from '@fastify/etag'
import type { Notifications } from '@stems/queue/notifications'
import type { Queues } from '@stems/queue/open-queue'
import type { Quarantine } from '@stems/queue/quarantine'
import type { Submitter } from '@stems/queue/submit'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { addActionGuard } from './actions.ts'
import { sendError, sendFailure } from './answers.ts'
import { addApiRoutes } from './api-routes.ts'
import { addAssetsRoute } from './assets-route.ts'
import { addBullBoard } from './bull-board.ts'
import { addDocumentedRoutes } from './documented.ts'
import { addEventsRoute, type EventLimits } from './events-route.ts'
import { addFilesRoute } from './files-route.ts'
import { addOpenHealthRoutes } from './health-routes.ts'
import type { Library } from './library.ts'
import { addLibraryRoute } from './library-route.ts'
import { addLogin, type Login } from './login.ts'
import { addNotificationsRoutes } from './notification-routes.ts'
import type { ReadOverview } from './overview.ts'
import { createOverviewMetrics } from './overview-metrics.ts'
import { addOverviewRoutes } from './overview-route.ts'
import { addQuarantineRoutes } from './quarantine-routes.ts'
import { addRegisterRoutes, type Purchase } from './register-route.ts'
import { addReplayRoutes } from './replay-route.ts'
import { addSecurityHeaders } from './security-headers.ts'
import { addSeparationRoute } from './separation-route.ts'
import { addZipRoute } from './zip-route.ts'

export type ServerOptions = {
  logins: Login[]
  /** Open the API and the files to programs. */
  apiKeys: string[]
  /** Addresses and networks of proxies in front of the board; what they say of the client and of the host is believed. */
  trustedProxies: string[]
  library: Library
  quarantine: Quarantine
  notifications: Notifications
  overview: ReadOverview
  submitter: Submitter
  /** Buys separations, where the provider's API is configured. */
  purchase: Purchase | undefined
  /** How events are sent; the usual ones where they are left out. */
  eventLimits?: EventLimits
  store: StemStore
  queues: Queues
  /** Is Redis connected? */
  isReady: () => boolean
  log: Log
}

/** The HTTP server, not yet listening. */
export const createServer = async (options: ServerOptions) => {
  const { logins, apiKeys, trustedProxies, library, quarantine, submitter, store, isReady, log } = options
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

  await app.register(fastifyEtag)
  await addSecurityHeaders(app)
  await addLogin(app, logins, apiKeys)
  addActionGuard(app)
  leaveNoConnectionBehind(app)
  addOpenHealthRoutes(app, isReady)
  addAssetsRoute(app)
  addLibraryRoute(app, library, quarantine)
  addSeparationRoute(app, { library, store, quarantine, log })
  await addDocumentedRoutes(app, (api) => {
    addApiRoutes(api, library)
    addRegisterRoutes(api, { submitter, store, purchase: options.purchase })
    addReplayRoutes(api, { submitter, store })
    addEventsRoute(api, library, options.eventLimits)
    addQuarantineRoutes(api, { quarantine, submitter })
    addNotificationsRoutes(api, options.notifications)
    addOverviewRoutes(api, options.overview, createOverviewMetrics(options.overview, isReady))
    addFilesRoute(api, store)
    addZipRoute(api, store, log)
  })
  await addBullBoard(app, options.queues)
  return app
}

const UNREADABLE = '/unreadable-address'

// A download that ends while the server closes would keep its connection, and with it the process, for a minute. So would a
// connection that was opened in advance and has asked for nothing: Node does not count it among those that are idle.
const leaveNoConnectionBehind = (app: FastifyInstance): void => {
  let closing = false
  const silent = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  app.server.on('request', ({ socket }) => silent.delete(socket))
  app.addHook('preClose', (done) => {
    closing = true
    for (const socket of silent) socket.destroy()
    done()
  })
  app.addHook('onResponse', (_request, _reply, done) => {
    if (closing) app.server.closeIdleConnections()
    done()
  })
}
