import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import type { FastifyInstance } from 'fastify'

const WEB = new URL('../web/', import.meta.url)
const STYLE = new URL('./pages/style.css', import.meta.url)
const MORPHDOM = new URL('morphdom-esm.js', import.meta.resolve('morphdom'))

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/**
 * Adds what pages load: the stylesheet at `/style.css`, and below `/assets/` the scripts of `web/` as they stand there, with
 * the one library that they import. All of it is read once, at start.
 */
export const addAssetsRoute = (app: FastifyInstance): void => {
  const add = (path: string, file: URL): void => {
    const [type, body] = [TYPES[extname(path)] as string, readFileSync(file)]
    app.get(path, (_request, reply) => reply.type(type).header('cache-control', 'private, no-cache').send(body))
  }
  add('/style.css', STYLE)
  add('/assets/morphdom.js', MORPHDOM)
  for (const name of readdirSync(WEB).filter((each) => extname(each) in TYPES))
    add(`/assets/${name}`, new URL(name, WEB))
}
