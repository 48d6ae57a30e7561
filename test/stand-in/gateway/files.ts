import type { IncomingMessage, ServerResponse } from 'node:http'
import { mp3For } from '../audio.ts'
import { serveFile, serveWhole, trickle } from '../serve-file.ts'
import type { Links } from './links.ts'
import type { Settings } from './options.ts'
import { isDeleted, type Tasks } from './tasks.ts'

export type FilesOptions = {
  settings: Settings
  tasks: Tasks
  links: Links
}

/** The file server behind the links: a CDN, as the provider has one. It knows no keys, and wants none. */
export const createFiles = ({ settings, tasks, links }: FilesOptions) => {
  const hits = new Map<string, number>()
  let { expiredAs } = settings

  const contentOf = (path: string): Buffer => {
    const known = tasks.findFile(path)
    return mp3For(known?.file.path ?? path, known?.task.plan.bytes)
  }

  const answer = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://files')
    const path = decodeURIComponent(url.pathname)
    hits.set(path, (hits.get(path) ?? 0) + 1)
    if (settings.refusedUserAgents.test(request.headers['user-agent'] ?? '')) return sendError(response, 403, true)
    const known = tasks.findFile(path)
    if (!known || isDeleted(known.task, settings.clock.now())) return sendError(response, 404)
    const judgement = links.judge(url)
    if (judgement === 'expired') return sendError(response, expiredAs.status, expiredAs.html)
    if (judgement === 'forged') return sendError(response, 403)
    const file = contentOf(path)
    if (settings.bytesPerSecond) return trickle(response, file, settings.bytesPerSecond)
    return settings.ranges ? serveFile(request, response, file) : serveWhole(response, file)
  }

  return {
    answer,
    contentOf,
    /** How often a path was asked for. */
    hits: (path: string) => hits.get(path) ?? 0,
    expireAs: (how: Settings['expiredAs']) => {
      expiredAs = how
    },
  }
}

// The one in XML is what a bucket says, the other what stands before it.
const sendError = (response: ServerResponse, status: number, html = false): void => {
  const [type, text] = html
    ? ['text/html; charset=UTF-8', '<!DOCTYPE html><html><head><title>Sorry</title></head><body>Sorry.</body></html>']
    : ['application/xml', `<?xml version="1.0"?><Error><Code>${status}</Code></Error>`]
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text)
}
