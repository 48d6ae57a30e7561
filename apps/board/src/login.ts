import { createHash, timingSafeEqual } from 'node:crypto'
import fastifyBasicAuth from '@fastify/basic-auth'
import fastifyRateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendFailure } from './answers.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route answers without a login. */
    open?: boolean
  }
  interface FastifyRequest {
    /** Who asks; `null` on routes that are open, and on whatever is refused. */
    role: Role | null
  }
}

/** An admin may act, a viewer may look. */
export type Role = 'admin' | 'viewer'

export type Login = { user: string; password: string; role: Role }

const FAILURES_PER_MINUTE = 30

/**
 * Puts everything behind HTTP basic auth, unknown paths too; only routes with `config: { open: true }` stay out of it. The
 * role of the login is on the request from then on.
 *
 * Of one address thirty wrong logins a minute are answered 401 and stand in the log; those beyond get 429 and do not. A right
 * login always passes, or a stranger behind the same proxy could lock everybody out.
 */
export const addLogin = async (app: FastifyInstance, logins: Login[]): Promise<void> => {
  const roleOf = createRoleFinder(logins)
  await app.register(fastifyRateLimit, { global: false })
  const countFailure = app.createRateLimit({ max: FAILURES_PER_MINUTE, timeWindow: 60_000 })
  app.decorateRequest('role', null)
  await app.register(fastifyBasicAuth, {
    authenticate: { realm: 'Stemkeeper' },
    validate: (user, password, request, _reply, done) => {
      request.role = roleOf(user, password) ?? null
      done(request.role ? undefined : new Error('wrong user or password'))
    },
  })

  const refuse = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (request.headers.authorization !== undefined) {
      const failures = await countFailure(request)
      if (!failures.isAllowed && failures.isExceeded) {
        reply.removeHeader('www-authenticate').header('retry-after', failures.ttlInSeconds)
        return sendFailure(request, reply, 429, 'Too many wrong logins came from this address. Wait a minute.')
      }
      request.log.warn({ ip: request.ip }, 'login.refused')
    }
    return sendFailure(request, reply, 401, 'This needs a login. User and password are those of the board.')
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.open) return done()
    app.basicAuth(request, reply, (refusal) => {
      if (refusal) refuse(request, reply).catch(done)
      else done()
    })
  })
}

// All logins are compared, whichever of them fits: the time taken tells nothing.
const createRoleFinder = (logins: Login[]) => {
  const known = logins.map(({ user, password, role }) => ({ role, digest: digest(user, password) }))
  return (user: string, password: string): Role | undefined => {
    const given = digest(user, password)
    const fitting = known.map(({ role, digest }) => ({ role, fits: timingSafeEqual(given, digest) }))
    return fitting.find(({ fits }) => fits)?.role
  }
}

// Hashes have one length, so the comparison tells nothing about that of the secret. A user holds no colon.
const digest = (user: string, password: string): Buffer => createHash('sha256').update(`${user}:${password}`).digest()
