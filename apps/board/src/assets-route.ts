import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { holdsTag } from './byte-range.ts'

const WEB = new URL('../web/', import.meta.url)
const MORPHDOM = fileURLToPath(import.meta.resolve('morphdom')).replace(/[^/]*$/, 'morphdom-esm.js')

const TYPES: Record<string, string> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

type Asset = { type: string; etag: string; body: Buffer }

/**
 * Adds what pages load: the stylesheet at `/style.css`, and below `/assets/` the scripts of `web/` as they stand there, with
 * the one library that they import. All of it is read once, at start.
 */
export const addAssetsRoute = (app: FastifyInstance): void => {
  const assets = new Map<string, Asset>([
    ...readdirSync(WEB)
      .filter((name) => extensionOf(name) in TYPES)
      .map((name): [string, Asset] => [name, assetOf(name, readFileSync(new URL(name, WEB)))]),
    ['morphdom.js', assetOf('morphdom.js', readFileSync(MORPHDOM))],
  ])
  const stylesheet = readFileSync(new URL('./pages/style.css', import.meta.url))
  const style = assetOf('style.css', stylesheet)

  app.get('/style.css', (request, reply) => send(style, request.headers['if-none-match'], reply))
  app.get<{ Params: { name: string } }>('/assets/:name', (request, reply) => {
    const asset = assets.get(request.params.name)
    if (!asset) return reply.callNotFound()
    return send(asset, request.headers['if-none-match'], reply)
  })
}

const assetOf = (name: string, body: Buffer): Asset => ({
  type: TYPES[extensionOf(name)] ?? 'application/octet-stream',
  etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`,
  body,
})

const extensionOf = (name: string): string => name.replace(/^.*\./, '')

const send = ({ type, etag, body }: Asset, known: string | undefined, reply: FastifyReply) => {
  reply.type(type).header('etag', etag).header('cache-control', 'private, no-cache')
  return holdsTag(known, etag) ? reply.code(304).send() : reply.send(body)
}
