import fastifyHelmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'

const nothingElse = { baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] }

const ownPages = {
  useDefaults: false,
  directives: {
    ...nothingElse,
    formAction: ["'self'"],
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    scriptSrc: ["'self'"],
    connectSrc: ["'self'"],
  },
}

/** For a page that plays stems which its own script has fetched. */
export const forPlayers = {
  contentSecurityPolicy: { ...ownPages, directives: { ...ownPages.directives, mediaSrc: ['blob:'] } },
}

// Bull Board styles elements inline and shows its icons as data URLs.
const bullBoard = {
  useDefaults: false,
  directives: {
    ...nothingElse,
    baseUri: ["'self'"],
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
  },
}

/**
 * For files that came from elsewhere: whatever a browser takes one for, it runs no script. A browser plays a sound in a page
 * of its own making, which is styled inline and asks for the file once more, as the same origin or not at all.
 */
export const forForeignFiles = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      ...nothingElse,
      defaultSrc: ["'none'"],
      mediaSrc: ["'self'"],
      styleSrc: ["'unsafe-inline'"],
      sandbox: ['allow-same-origin'],
    },
  },
}

// What no page here needs, and a script that got in could misuse.
const permissionsPolicy = ['camera', 'display-capture', 'geolocation', 'microphone', 'payment', 'usb']
  .map((feature) => `${feature}=()`)
  .join(', ')

/** Adds security headers to every answer, for pages of our own making. Nothing is to be stored unless a route says so. */
export const addSecurityHeaders = async (app: FastifyInstance): Promise<void> => {
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: ownPages,
    // With helmet's no-referrer a browser would hide the origin of our own forms too: `Origin: null`.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    strictTransportSecurity: false, // a promise that only the proxy which ends TLS can keep
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('permissions-policy', permissionsPolicy)
    done()
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    const policy = reply.getHeader('cache-control')
    if (policy === undefined) reply.header('cache-control', 'no-store')
    // Bull Board's scripts and styles, which are the same for everybody, and behind the login all the same.
    else if (`${policy}`.startsWith('public')) reply.header('cache-control', 'private, no-cache')
    done(null, reply.statusCode === 304 ? null : payload) // an empty text would be sent with a length
  })
}

/** Gives the routes of this scope the policy that Bull Board needs. */
export const loosenForBullBoard = (scope: FastifyInstance): void => {
  scope.addHook('onRequest', (_request, reply, done) => {
    reply.helmet({ contentSecurityPolicy: bullBoard })
    done()
  })
}
