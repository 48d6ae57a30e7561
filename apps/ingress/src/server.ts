import fastifySwagger from '@fastify/swagger'
import { addHealthRoutes, type Health } from '@stems/telemetry/health'
import type { Log } from '@stems/telemetry/log'
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { jsonSchemaTransform, serializerCompiler } from 'fastify-type-provider-zod'
import { addCallbackRoute, type CallbackRouteOptions } from './callback-route.ts'
import { problemOfError, sendProblem } from './problem.ts'

const BODY_LIMIT_BYTES = 256 * 1024

/** The HTTP server, not yet listening. */
export const createServer = async ({ log, health, ...callbacks }: ServerOptions) => {
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    // Fastify would log the URL, and the URL holds the token.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 15_000,
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: problemOfError, // a URL that cannot be read reaches no route
    return503OnClosing: true,
  })
  app.removeContentTypeParser('text/plain') // or text would pass as a body
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(problemOfError)
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, 'There is nothing here.'))

  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Stemkeeper ingress', version: '1', description: 'Receives the callbacks of audio separations.' },
    },
    transform: jsonSchemaTransform,
  })
  await app.after() // the document lists only the routes that come after its plugin
  addCallbackRoute(app, callbacks)
  addHealthRoutes(app, health)
  app.get('/openapi.json', () => app.swagger())
  return app
}

export type ServerOptions = CallbackRouteOptions & { log: Log; health: Health }
