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
    /** Is it a program that has shown a key instead of a login? */
    hasKey: boolean
  }
}

/** An admin may act, a viewer may look. */
export type Role = 'admin' | 'viewer'

export type Login = { user: string; password: string; role: Role }

const FAILURES_PER_MINUTE = 30

/**
 * Puts everything behind HTTP basic auth, unknown paths too; only routes with `config: { open: true }` stay out of it. The
 * role of the login is on the request from then on. The API, the files and the metrics take a key as well, and give it the
 * role of an admin.
 *
 * Of one address thirty wrong logins and keys a minute are answered 401 and stand in the log; those beyond get 429 and do not. A right
 * login always passes, or a stranger behind the same proxy could lock everybody out.
 */
export const addLogin = async (app: FastifyInstance, logins: Login[], apiKeys: string[]): Promise<void> => {
  const roleOf = createRoleFinder(logins)
  const isKey = createKeyFinder(apiKeys)
  await app.register(fastifyRateLimit, { global: false })
  const countFailure = app.createRateLimit({ max: FAILURES_PER_MINUTE, timeWindow: 60_000 })
  app.decorateRequest('role', null)
  app.decorateRequest('hasKey', false)
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
    const key = takesKeys(request) ? keyOf(request) : undefined
    if (key !== undefined) {
      reply.header('www-authenticate', 'Bearer realm="Stemkeeper", error="invalid_token"')
      return sendFailure(request, reply, 401, 'This key is none of API_KEYS. This needs a login, or a key.')
    }
    return sendFailure(request, reply, 401, 'This needs a login. User and password are those of the board.')
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.open) return done()
    const key = takesKeys(request) ? keyOf(request) : undefined
    if (key !== undefined) {
      if (!isKey(key)) {
        reply.code(401)
        refuse(request, reply).catch(done)
        return
      }
      request.role = 'admin'
      request.hasKey = true
      return done()
    }
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

// What was matched counts, not what was written: no spelling of another address becomes one of these.
const takesKeys = ({ routeOptions, url }: FastifyRequest): boolean =>
  /^\/(api|files)\/|^\/metrics$/.test(routeOptions.url ?? url)

const keyOf = ({ headers }: FastifyRequest): string | undefined =>
  /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]

const createKeyFinder = (apiKeys: string[]) => {
  const known = apiKeys.map((key) => digestOf(key))
  return (key: string): boolean => {
    const given = digestOf(key)
    return known.map((digest) => timingSafeEqual(given, digest)).includes(true)
  }
}

// Hashes have one length, so the comparison tells nothing about that of the secret. A user holds no colon.
const digest = (user: string, password: string): Buffer => digestOf(`${user}:${password}`)

const digestOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
