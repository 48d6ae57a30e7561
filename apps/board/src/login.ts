import { createHash, timingSafeEqual } from 'node:crypto'
import fastifyBasicAuth from '@fastify/basic-auth'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendFailure } from './answers.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route answers without a login. */
    open?: boolean
  }
}

export type Login = { user: string; password: string }

/**
 * Puts everything behind HTTP basic auth, unknown paths too; only routes with `config: { open: true }` stay out of it.
 *
 * @returns asks for the login where Fastify runs no hooks: `admitted` is called when it is right
 */
export const addLogin = async (app: FastifyInstance, { user, password }: Login) => {
  const expected = digest(user, password)
  await app.register(fastifyBasicAuth, {
    authenticate: { realm: 'Stemkeeper' },
    validate: (name, given, request, _reply, done) => {
      if (timingSafeEqual(digest(name, given), expected)) return done()
      request.log.warn({ ip: request.ip }, 'login.refused')
      done(new Error('wrong user or password'))
    },
  })
  const askForLogin = (request: FastifyRequest, reply: FastifyReply, admitted: () => void): void => {
    app.basicAuth(request, reply, (refusal) => {
      if (refusal) sendFailure(request, reply, 401, 'This needs a login. User and password are those of the board.')
      else admitted()
    })
  }
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.open) return done()
    askForLogin(request, reply, done)
  })
  return askForLogin
}

// Hashes have one length, so the comparison tells nothing about that of the secret. A user holds no colon.
const digest = (user: string, password: string): Buffer => createHash('sha256').update(`${user}:${password}`).digest()
