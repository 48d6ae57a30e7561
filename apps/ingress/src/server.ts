import fastifySwagger from '@fastify/swagger'
import { addHealthRoutes, type Health } from '@stems/telemetry/health'
import type { Log } from '@stems/telemetry/log'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { jsonSchemaTransform, serializerCompiler } from 'fastify-type-provider-zod'
import { refuseBrokenRequest } from './broken-request.ts'
import { addCallbackRoute, CALLBACK_URLS, type CallbackRouteOptions } from './callback-route.ts'
import { boundConnections, patience } from './connections.ts'
import { shedWhenOverloaded } from './overload.ts'
import { problemOfError } from './problem.ts'
import { createStrangers, limitEverythingBut } from './strangers.ts'

const BODY_LIMIT_BYTES = 256 * 1024

/** The HTTP server, not yet listening. */
export const createServer = async ({ log, health, limits, ...callbacks }: ServerOptions) => {
  const app = fastify({
    ...patience,
    loggerInstance: log as FastifyBaseLogger,
    // Fastify would log the URL, and the URL holds the token.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: 512 },
    trustProxy: limits.trustedProxies.length > 0 ? limits.trustedProxies : false,
    clientErrorHandler: refuseBrokenRequest,
    frameworkErrors: (...refused) => void answerError(...refused), // a URL that cannot be read reaches no route
    return503OnClosing: true,
  })
  const connections = boundConnections(app)
  await shedWhenOverloaded(app, callbacks.metrics)
  const strangers = await createStrangers(app, limits.strangersPerMinute)
  limitEverythingBut(['/livez', '/readyz', ...CALLBACK_URLS], app, strangers)
  const answerError = async (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
    (await strangers.turnAway(request, reply)) ? reply : problemOfError(error, request, reply)

  app.removeContentTypeParser('text/plain') // or text would pass as a body
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(answerError)

  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Stemkeeper ingress', version: '1', description: 'Receives the callbacks of audio separations.' },
    },
    transform: jsonSchemaTransform,
  })
  await app.after() // the document lists only the routes that come after its plugin
  addCallbackRoute(app, callbacks, strangers, connections)
  addHealthRoutes(app, health)
  app.get('/openapi.json', () => app.swagger())
  return app
}

export type ServerOptions = CallbackRouteOptions & {
  log: Log
  health: Health
  limits: {
    /** Requests without proof that one address may send; 0 sets no limit. */
    strangersPerMinute: number
    /** Whose `X-Forwarded-For` is believed. */
    trustedProxies: string[]
  }
}
