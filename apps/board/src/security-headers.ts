import fastifyHelmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'

const nothingElse = { baseUri: ["'self'"], formAction: ["'none'"], frameAncestors: ["'none'"] }

const ownPages = {
  useDefaults: false,
  directives: {
    ...nothingElse,
    formAction: ["'self'"],
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    mediaSrc: ["'self'"],
  },
}

// Bull Board styles elements inline and shows its icons as data URLs. Its web fonts would tell another host who works
// here, so they stay out; the system's fonts take their place.
const bullBoard = {
  useDefaults: false,
  directives: {
    ...nothingElse,
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
  },
}

/** Adds security headers to every answer, for pages of our own making. */
export const addSecurityHeaders = async (app: FastifyInstance): Promise<void> => {
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: ownPages,
    strictTransportSecurity: false, // a promise that only the proxy which ends TLS can keep
  })
}

/** Gives the routes of this scope the policy that Bull Board needs. */
export const loosenForBullBoard = (scope: FastifyInstance): void => {
  scope.addHook('onRequest', (_request, reply, done) => {
    reply.helmet({ contentSecurityPolicy: bullBoard })
    done()
  })
}
