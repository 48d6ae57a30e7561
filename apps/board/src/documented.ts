import type { IncomingMessage, ServerResponse } from 'node:http'
import fastifySwagger from '@fastify/swagger'
import type { FastifyInstance, RawServerDefault } from 'fastify'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'

/** A scope whose routes are described by zod schemas, which check what comes in and what goes out. */
export type DocumentedApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyInstance['log'],
  ZodTypeProvider
>

/**
 * Adds routes for people and for programs, and `/api/openapi.json`, which describes the latter.
 *
 * @param addRoutes adds routes; those for programs with zod schemas
 */
export const addDocumentedRoutes = async (
  app: FastifyInstance,
  addRoutes: (scope: DocumentedApp) => void,
): Promise<void> => {
  await app.register((scope, _options, added) => {
    scope.setValidatorCompiler(validatorCompiler)
    scope.setSerializerCompiler(serializerCompiler)
    scope.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'Stemkeeper board', version: '1', description: 'Separations, their progress and their files.' },
        components: {
          securitySchemes: {
            login: { type: 'http', scheme: 'basic', description: 'A login of the board; a viewer may only look' },
            key: { type: 'http', scheme: 'bearer', description: 'One of API_KEYS' },
          },
        },
        security: [{ login: [] }, { key: [] }],
      },
      // Pages are no routes for programs.
      transform: (route) =>
        /^\/(api|files)\//.test(route.url) ? jsonSchemaTransform(route) : { schema: { hide: true }, url: route.url },
    })
    // The document lists only the routes that come after its plugin.
    scope.after(() => {
      addRoutes(scope as unknown as DocumentedApp)
      scope.get('/api/openapi.json', { schema: { hide: true } }, () => scope.swagger())
    })
    added()
  })
}
